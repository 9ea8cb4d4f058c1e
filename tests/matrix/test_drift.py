"""What a person changes at a real service is noticed by the drift watch, and nothing is touched."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from providers.http.testing.service import stamp
from rotation.interfaces import Adapters
from rotation.journal.entries import Kind
from rotation.journal.installation_facts import Looked
from rotation.operations.watch import DriftWatch
from rotation.types import KeyState, Specification
from tests.matrix import aws, http, postgres, vault
from tests.matrix.samples import Names
from tests.matrix.services import ISSUERS, STORES, Services
from tests.matrix.world import Pair, PairStory, story
from tests.support import stories
from tests.support.crash import STREAM
from tests.support.shell import APP, FakeConfiguration, Shell, SimulatedSession

PACE, INTERVAL = timedelta(seconds=30), timedelta(hours=1)


@dataclass(kw_only=True)
class AtPair(SimulatedSession):
    pair: Pair = field(repr=False)

    def bind(self, spec: Specification) -> Adapters:
        return self.pair.adapters()


@dataclass
class Watched:
    """A pair that is adopted, under the watch of a `serve`."""

    pair: Pair
    one: PairStory

    def __post_init__(self) -> None:
        stories.without_faults(self.one, stories.adopt)
        entry: Any = SimpleNamespace(
            id="app", stream=STREAM, state="active", turns=(), identity=APP.identity
        )
        configuration = FakeConfiguration(self.one.spec, self.one.directory / "journal.db")
        configuration.entry = entry
        world: Any = self.pair
        shell = Shell(world, self.one.journal, configuration)
        at = AtPair(
            shell=shell, pair=self.pair, clock=self.pair.clock, configuration_path=Path("-"),
            effectful=True, who="alice",
        )  # fmt: skip
        self.watch = DriftWatch(here=at, log=lambda event, error, **facts: None, pace=PACE)

    def an_interval(self) -> None:
        end = self.pair.now + INTERVAL + 2 * PACE
        while self.pair.now < end:
            self.watch.tick(self.pair.now)
            self.pair.clock.skip_to(self.pair.now + PACE)

    def looks(self) -> list[Looked]:
        entries = self.one.journal.installation_entries()
        return [Looked.of(entry.facts) for entry in entries if entry.kind is Kind.SEEN]

    def found(self) -> set[str]:
        """What the latest look wrote down, by code."""
        if not self.looks():
            return set()
        latest = self.looks()[-1]
        unknown = {"held.unknown-instance"} if latest.instances else set()
        return {*latest.differs} | unknown


def key_made(pair: Pair) -> str:
    side: Any = pair.issuer
    match side:
        case aws.AccessKeys():
            side._iam.create_access_key(UserName=side._user)
        case postgres.UniqueLogins():
            group = side.options.group
            side._database.server.run(f"create role {group}_by_hand login in role {group}")
        case vault.SecretIds():
            side._vault.api("POST", f"{side._path}/secret-id")
        case http.ApiKeys():
            ends, owner = stamp(side._vendor.ends(http.LIFE_S)), side._vendor.owner
            side._vendor.mint("key-9001", side._name, scopes=["read"], owner=owner, expires=ends)
    return "held.unknown-instance"


def key_deleted(pair: Pair) -> str:
    pair.issuer.end(pair.store.read())
    return "held.instance-missing"


def value_overwritten(pair: Pair) -> str:
    pair.store.write(dict.fromkeys(pair.store.read(), "of-another-place"))
    return "held.world-changed"


def claim_removed(pair: Pair) -> str:
    side: Any = pair.store
    if isinstance(side, aws.SecretsManager):
        side._client.untag_resource(SecretId=side._name, TagKeys=["rotation:owner"])
    else:
        owner = {"custom_metadata": {"rotation:owner": None}}
        side._vault.api("PATCH", f"{vault.KV}/metadata/{side._path}", owner)
    return "held.claim-missing"


LISTED = ("aws-iam-access-key", "postgres-login, unique", "vault-approle", "http-api, H1")
CELLS = [
    *((issuer, store, change) for issuer in ISSUERS for store in STORES
      for change in (value_overwritten, claim_removed)),
    *((issuer, store, change) for issuer in LISTED for store in STORES
      for change in (key_made, key_deleted)),
]  # fmt: skip


@pytest.fixture
def watched(
    services: Services, fresh_name: Names, tmp_path: Path, issuer: str, store: str
) -> Watched:
    pair = services.pair(issuer, store)
    return Watched(pair, story(pair, tmp_path / "story", fresh_name(), None))


@pytest.mark.parametrize(
    ("issuer", "store", "change"),
    [pytest.param(*cell, id=f"{cell[0]} in {cell[1]}, {cell[2].__name__}") for cell in CELLS],
)
def test_it_is_noticed_within_an_interval_and_not_touched(
    watched: Watched, change: Callable[[Pair], str]
) -> None:
    with watched.one.journal:
        watched.an_interval()
        assert watched.looks() == []
        expected = change(watched.pair)
        live, value = watched.pair.live(), watched.pair.store.read()
        watched.an_interval()
        assert expected in watched.found()
        assert (watched.pair.live(), watched.pair.store.read()) == (live, value)
        said = len(watched.looks())
        watched.an_interval()
        assert len(watched.looks()) == said


@pytest.mark.parametrize(("issuer", "store"), [(i, s) for i in ISSUERS for s in STORES])
def test_a_person_who_edits_another_key_is_no_drift(watched: Watched) -> None:
    with watched.one.journal:
        watched.pair.store.edit({"note": "of a person"})
        watched.an_interval()
        assert watched.found() == set()


@pytest.mark.parametrize("issuer", ["aws-iam-access-key", "postgres-login, unique"])
@pytest.mark.parametrize("store", STORES)
def test_what_is_switched_on_again_while_it_soaks_is_noticed(watched: Watched) -> None:
    with watched.one.journal:
        stories.open_plan(watched.one, "routine")
        stories.advance_until(watched.one, "suspend")
        old, side = str(watched.one.rotation().old), watched.pair.issuer
        if isinstance(side, aws.AccessKeys):
            side._iam.update_access_key(UserName=side._user, AccessKeyId=old, Status="Active")
        else:
            watched.pair.issuer._database.server.run(f"alter role {old} login")  # type: ignore[attr-defined]
        watched.an_interval()
        assert watched.found() == {"reconcile.switched-on"}
        listed = watched.pair.adapters().issuer.listing().find(old)
        assert listed is not None
        assert listed.state is KeyState.ACTIVE
