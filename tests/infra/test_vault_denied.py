"""A capability that goes missing in Vault: whatever a rotation uses, without it the rotation is held,
readers have what works, nothing of ours is left over, and it goes on once the capability is back."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from providers.vault.testing.server import Refused
from tests.infra.vault_calls import ANYBODY, without
from tests.infra.vault_secrets import IN_PLACE, ISSUERS
from tests.infra.vault_story import Installation, installed

pytestmark = pytest.mark.timeout(600)
SLOW = pytest.mark.slow

NAME = "billing-login"
METADATA, LIVE = "apps/metadata/prod/billing/login", "apps/data/prod/billing/login"
STAGED = "rotation-pending/data/{stream}/+"
SECRET_ID = "auth/approle/role/billing/secret-id"

Taken = tuple[str, str, str]
"""Permission set, path, capability."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("denied")) as made:
        for name in ISSUERS:
            made.begin(name)
            with made.used(name):
                made.rotation("rotate", name, "--wait")
        yield made


def held(made: Installation, taken: Taken, *words: str, name: str = NAME) -> dict[str, Any]:
    """Where it is held without that capability."""
    under, path, capability = taken
    with made.narrowed(under, without(made.policy(under), path, capability)), made.used(name):
        made.rotation(*words, expected=(11, 12))
    [found] = json.loads(made.rotation("status", name, "-o", "json"))["secrets"]
    assert found["held"] == "held.denied", taken
    return dict(found)


def resumed(made: Installation, name: str = NAME) -> None:
    with made.used(name):
        made.rotation("resume", name, "--wait")
    [found] = json.loads(made.rotation("status", name, "-o", "json"))["secrets"]
    assert found["held"] is None
    assert readers_get_in(made, name)
    assert len(made.secret_ids(name)) <= 1


def readers_get_in(made: Installation, name: str) -> bool:
    value = made.value(name)
    try:
        if "login" in name:
            made.server.api("POST", "auth/approle/login", value, token="")
        elif "database" in name:
            made.database.server.connect(value["username"], value["password"]).close()
    except (Refused, psycopg.OperationalError):
        return False
    return bool(value)


@pytest.mark.parametrize(
    ("under", "path", "capability", "row", "alive"),
    [
        ("observe", METADATA, "read", "issue", 1),
        ("mint", SECRET_ID, "update", "issue", 1),
        ("mint", STAGED, "create", "issue", 1),  # minted, not staged, and removed at once
        ("verify", STAGED, "read", "verify", 2),
        ("promote", LIVE, "patch", "promote", 2),
        ("promote", METADATA, "patch", "promote", 2),
        ("deliver", LIVE, "read", "deliver[consumer:api]", 2),
        ("revoke", f"{SECRET_ID}-accessor/destroy", "update", "destroy", 2),
        # The other keys of the secret are searched for the old bytes before anything is minted.
        ("prove", LIVE, "read", "issue", 1),
        ("revoke", "apps/destroy/prod/billing/login", "update", "tidy", 1),
    ],
)
def test_a_rotation_is_held_in_its_last_safe_state(
    begun: Installation, under: str, path: str, capability: str, row: str, alive: int
) -> None:
    taken = (under, path.format(stream=begun.stream(NAME)), capability)
    found = held(begun, taken, "rotate", NAME, "--wait")
    assert found["row"] == row
    assert readers_get_in(begun, NAME)
    assert len(begun.secret_ids(NAME)) == alive
    resumed(begun)


def used_by(made: Installation, name: str, *words: str) -> list[Taken]:
    """What a rotation uses that goes as it should."""
    since = made.audited()
    with made.used(name):
        made.rotation(*words, expected=(0, 8))
    calls = {(c.under, c.path, c.operation) for c in made.calls(since) if c.path not in ANYBODY}
    return [
        (under, path, capability)
        for under, path, capability in made.grants()
        if any(
            (by, "sudo" if capability == "sudo" and did == "list" else did) == (under, capability)
            and re.fullmatch(f"{re.escape(path).replace(re.escape('+'), '[^/]+')}/?", on)
            for by, on, did in calls
        )
    ]


@SLOW
@pytest.mark.parametrize("name", ISSUERS)
def test_whatever_a_rotation_uses_it_is_held_without(begun: Installation, name: str) -> None:
    words = ("rotate", name, "--wait")
    taken = used_by(begun, name, *words)
    assert {under for under, _, _ in taken} >= {"observe", "mint", "verify", "promote", "prove"}
    for each in taken:
        held(begun, each, *words, name=name)
        # Where there is no overlap, Vault may have replaced the password already.
        assert name in IN_PLACE or readers_get_in(begun, name)
        resumed(begun, name)


@pytest.mark.parametrize(
    "name", [NAME, *(pytest.param(n, marks=SLOW) for n in ISSUERS if n != NAME)]
)
def test_an_emergency_is_held_without_whatever_contains(begun: Installation, name: str) -> None:
    words = ("emergency", name, "-y", "--reason", "a drill")
    for each in used_by(begun, name, *words):
        if each[0] == "contain":
            held(begun, each, *words, name=name)
            resumed(begun, name)


def test_a_person_on_call_contains_and_the_runner_does_the_rest(begun: Installation) -> None:
    with begun.logged_in("emergency"):
        said = begun.rotation("doctor", "--as", "emergency")
        assert "every role can do what its steps need: contain" in said
        begun.rotation("emergency", NAME, "-y", "--reason", "a drill", expected=(12,))
    assert begun.secret_ids(NAME) == []
    resumed(begun)


def test_a_person_who_may_not_claim_begins_nothing(tmp_path: Path) -> None:
    with installed(tmp_path) as made:
        for name, capability, row in (
            ("billing-token", "create", "place"),
            ("billing-login", "patch", "claim"),
        ):
            path = f"apps/metadata/prod/{name.replace('-', '/')}"
            words = made.beginning(name)
            before = made.secret_ids(name)
            with made.logged_in("operator"):
                found = held(made, ("claim", path, capability), *words, name=name)
                assert found["row"] == row
                assert made.secret_ids(name) == before
                resumed(made, name)


@pytest.mark.parametrize("name", ["billing-token", "billing-login"])
def test_the_runner_begins_nothing(tmp_path: Path, name: str) -> None:
    with installed(tmp_path) as made:
        made.rotation(*made.beginning(name), expected=(11,))
        with made.logged_in("operator"):
            resumed(made, name)
