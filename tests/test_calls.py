"""A routine rotation makes exactly the calls of the benchmark's table, and each read is needed:
for a runner that does not look, what somebody did just before becomes an accident."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks import calls
from benchmarks.calls import ASSUME, DESCRIBE, GET, LIST, LOGIN, USED, Call, names, with_sessions
from benchmarks.fleet import (
    INSTALLATION,
    Fleet,
    Times,
    fleet,
    seed,
    seed_roles,
    specification,
    stream,
)
from providers.aws.testing import Credential as Key
from providers.aws.testing.server import StrictAws
from rotation.errors import Transient
from rotation.execution.live import Live
from rotation.execution.runner import Runner
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Wait
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.plan import PLANS, Step
from rotation.types import (
    OPEN_GATES,
    Credential,
    Fields,
    Gates,
    LastUsed,
    SecretValue,
    Verdict,
)
from tests.support.turns import one_in

APP = "app"
STREAM = stream(APP)
PATIENCE = 6
"""How many waits a story sits out before it gives up."""


@pytest.fixture(scope="module")
def strict_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with StrictAws() as strict:
        directory = tmp_path_factory.mktemp("aws")
        with fleet(strict.control, directory) as made:
            yield made


@dataclass
class Scene:
    """One adopted key and its rotation. At its call number `target` somebody acts first; a `blind`
    runner does not look then and believes what was so before, or what it hopes for.

    straggler: the application stays with the old key. again: the same act is repeated at every wait.
    damaged: the store keeps other bytes than it was given. gullible: the probe accepts anything.
    stale: what one endpoint, the next login's, still believes; deaf: every endpoint.
    """

    fleet: Fleet
    by_time: bool = True
    quiet: int = 0
    target: int = -1
    act: Callable[["Scene"], None] = lambda scene: None
    blind: bool = False
    straggler: bool = False
    again: bool = False
    damaged: bool = False
    gullible: bool = False
    stale: Verdict | None = None
    deaf: bool = False
    promoted: bool = False
    moved: bool = False
    made: int = 0
    since: int = 0
    minted: Fields | None = None
    gates_asked: list[str] = field(default_factory=list)
    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(INSTALLATION))

    def __post_init__(self) -> None:
        self.control = self.fleet.control
        self.control.reset()
        self.fleet.clock.skipped = timedelta()
        seed(self.control, [APP])
        seed_roles(self.control)
        self.control.conditions.last_used(grain_s=0, lag_s=0)
        self.old = self.current()
        times = Times(quiet=self.quiet)
        self.spec = specification(APP, elapsed=self.by_time, times=times, exclusive=True)
        bound = self.fleet.registry.bind(self.spec)
        watched: Any = {
            name: Watched(getattr(bound, name), self) for name in ("issuer", "store", "probe")
        }
        self.bound = replace(bound, **watched)

    def tell(self) -> Action:
        runner = Runner(
            journal=self.journal,
            bind=lambda spec: self.bound,
            clock=self.fleet.clock,
            id="runner",
            live=Live(gates=self.gates),
        )
        runner.open(STREAM, PLANS["adopt"], self.spec, trigger="test")
        assert isinstance(runner.advance(STREAM), Close)
        self.fleet.clock.skip_to(self.fleet.clock.now() + timedelta(days=90))
        runner.open(STREAM, PLANS["routine"], self.spec, trigger="test")
        self.made, self.since = 0, self.control.oracle.called()
        action = runner.advance(STREAM)
        for _ in range(PATIENCE):
            if not isinstance(action, Wait) or action.until is None:
                break
            self.fleet.clock.skip_to(action.until)
            if self.again:
                self.act(self)
            action = runner.advance(STREAM)
        return action

    def gates(self, secret: str, now: datetime) -> Gates:
        self.gates_asked.append(secret)
        return OPEN_GATES

    # ------------------------------------------------------------------------------ the wire

    def call(self, name: str, method: Callable[..., Any], given: Sequence[Any], more: Any) -> Any:
        number, self.made = self.made, self.made + 1
        self.promoted = self.promoted or name == "promote"
        if self.promoted and not self.moved and name in ("usage", "state"):
            # The application went on as soon as readers were pointed at the new key: what comes
            # after the live check finds it used.
            self.moved = True
            self.use(self.old if self.straggler else self.current())
        if self.since and number == self.target:
            if self.blind:
                return self.not_looking(name, method, given)
            self.act(self)
        if name == "stage":
            self.minted = given[1].fields
            given = (given[0], damaged(given[1]) if self.damaged else given[1])
        answer = method(*given, **more)
        return self.answered(answer) if name in ("login", "wrong") else answer

    def not_looking(self, name: str, method: Callable[..., Any], given: Sequence[Any]) -> Any:
        """It keeps no bytes between rows, so of the old key it has none to try."""
        before = None if name == "read" else method(*given)
        self.act(self)
        if not self.deaf:
            self.stale = None
        if name == "read" and given[0] != self.rotation.new_version:
            raise Transient("store.version-missing", "nobody looked")
        if name == "read":
            return self.minted
        if name == "usage" and given[0] != self.old["id"]:
            return LastUsed(last_used=self.fleet.clock.now())
        return before

    def answered(self, verdict: Verdict) -> Verdict:
        if self.gullible:
            return Verdict.ACCEPTED
        stale = self.stale
        if not self.deaf:
            self.stale = None
        return stale or verdict

    # -------------------------------------------------------------------------- other people

    def use(self, value: dict[str, str]) -> None:
        """The application calls AWS. IAM tells a use by the second, so one passes before."""
        self.fleet.clock.skip_to(self.fleet.clock.now() + timedelta(seconds=2))
        client = self.control.client("sts", Key(value["id"], value["secret"]))
        with suppress(ClientError):
            client.get_caller_identity()

    def labels(self) -> dict[str, str]:
        return self.control.oracle.labels(APP)

    # ------------------------------------------------------------------------------ the truth

    @property
    def rotation(self) -> Rotation:
        return replay(self.journal.entries(STREAM))

    def current(self) -> dict[str, str]:
        value: dict[str, str] = json.loads(self.control.oracle.value(APP) or "")
        return value

    def lives(self, value: dict[str, str]) -> bool:
        return self.control.oracle.accepts(value["id"], value["secret"])

    def listed(self) -> list[str]:
        return [key["AccessKeyId"] for key in self.control.oracle.keys(APP)]

    def recorded(self) -> list[str]:
        """The product's calls; applications and people say who they are."""
        return [
            f"{call['service']}:{call['operation']}"
            for call in self.control.oracle.calls(since=self.since)
            if call["user_agent"].startswith("rotation/")
        ]


class Watched:
    """An adapter whose calls the scene sees."""

    def __init__(self, adapter: object, scene: Scene) -> None:
        self._adapter, self._scene = adapter, scene

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._adapter, name)
        if not callable(attribute):
            return attribute
        return lambda *given, **more: self._scene.call(name, attribute, given, more)


def damaged(new: Credential) -> Credential:
    secret = {"secret_access_key": SecretValue("not-the-secret-that-was-minted")}
    return replace(new, fields=replace(new.fields, secret=secret))


# ---------------------------------------------------------------------------------- the table


@pytest.mark.parametrize(("by_time", "table"), [(True, calls.BY_TIME), (False, calls.BY_USAGE)])
def test_the_calls_are_the_table_and_none_more(
    strict_fleet: Fleet, *, by_time: bool, table: Sequence[Call]
) -> None:
    scene = Scene(strict_fleet, by_time=by_time)
    assert scene.tell() == Close(Outcome.SUCCEEDED)
    assert scene.recorded() == names(table)
    assert scene.made == len(table)


@pytest.mark.parametrize("sessions", ["narrow", "shared"])
@pytest.mark.parametrize(("by_time", "table"), [(True, calls.BY_TIME), (False, calls.BY_USAGE)])
def test_under_roles_a_session_for_each_set_comes_on_top(
    tmp_path: Path, *, by_time: bool, table: Sequence[Call], sessions: str
) -> None:
    with StrictAws() as strict, fleet(strict.control, tmp_path, sessions) as made:
        scene = Scene(made, by_time=by_time)
        assert scene.tell() == Close(Outcome.SUCCEEDED)
        assert scene.recorded() == names(with_sessions(table, narrow=sessions == "narrow"))
        assert scene.recorded().count(ASSUME) == {"narrow": 7, "shared": 6}[sessions]


def test_windows_and_freezes_are_looked_up_only_for_rows_that_they_can_stop(
    strict_fleet: Fleet,
) -> None:
    """Each look costs a read of the journal: one before promote, suspend and destroy."""
    scene = Scene(strict_fleet)
    assert scene.tell() == Close(Outcome.SUCCEEDED)
    assert len(scene.gates_asked) == 3


# ---------------------------------------------------------------- what each read is needed for


@dataclass(frozen=True)
class Story:
    """What is so from the beginning, what somebody does just before the read, and what must not
    come of it."""

    accident: Callable[[Scene], bool]
    act: Callable[[Scene], object] = lambda scene: None
    given: dict[str, Any] = field(default_factory=dict)


def stale(verdict: Verdict, **also: bool) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.stale = verdict
        for name, value in also.items():
            setattr(scene, name, value)

    return act


def person_makes_a_key(scene: Scene) -> None:
    scene.control.out_of_band.create_key(APP)


def person_makes_a_key_and_our_mint_is_lost(scene: Scene) -> None:
    person_makes_a_key(scene)
    scene.control.faults.before("iam:CreateAccessKey")


def another_installation_claims(scene: Scene) -> None:
    scene.control.out_of_band.tag_secret(APP, {"rotation:owner": "ba9876543210"})


def readers_are_denied(scene: Scene) -> None:
    scene.control.gate.deny("secretsmanager:GetSecretValue")


def old_key_is_used(scene: Scene) -> None:
    scene.control.conditions.last_used(failed_use_counts=True)
    scene.use(scene.old)


def somebody_pins_the_old_key(scene: Scene) -> None:
    scene.control.out_of_band.put_secret(APP, json.dumps(scene.old), labels=["NIGHTLY"])


def new_key_is_deleted(scene: Scene) -> None:
    scene.control.out_of_band.delete_key(APP, scene.current()["id"])


def label_is_moved_back(scene: Scene) -> None:
    scene.control.out_of_band.move_label(APP, "AWSCURRENT", scene.labels()["AWSPREVIOUS"])


def promoted(scene: Scene) -> bool:
    return scene.current() != scene.old


def readers_are_out(scene: Scene) -> bool:
    return not scene.lives(scene.current())


def went_on_while_readers_are_out(scene: Scene) -> bool:
    """The next look puts it right, but that is a settle time later."""
    return bool(scene.rotation.state(Step.PROVE_OFF).facts)


def old_is_off(scene: Scene) -> bool:
    return not scene.lives(scene.old)


def old_is_destroyed(scene: Scene) -> bool:
    return scene.old["id"] not in scene.listed()


def closed(scene: Scene) -> bool:
    return scene.rotation.outcome == Outcome.SUCCEEDED


def closed_without_a_word(scene: Scene) -> bool:
    """Nothing in the journal tells that the old key was still alive."""
    return closed(scene) and not scene.rotation.state(Step.PROVE_DEAD).tries


def a_persons_key_is_gone(scene: Scene) -> bool:
    made_by = {mint["access_key_id"]: mint["by"] for mint in scene.control.oracle.mints(APP)}
    persons = [key for key, by in made_by.items() if by.endswith("user/human")]
    return not set(persons) <= set(scene.listed())


REFUSED, ACCEPTED = Verdict.REFUSED, Verdict.ACCEPTED
NIGHTLY: dict[str, Any] = {"by_time": False, "quiet": 3600, "again": True}
STRAGGLER: dict[str, Any] = {"by_time": False, "straggler": True}

STORIES: dict[tuple[Step, str, int], Story] = {
    (Step.ISSUE, LIST, 1): Story(a_persons_key_is_gone, person_makes_a_key_and_our_mint_is_lost),
    (Step.ISSUE, DESCRIBE, 1): Story(promoted, another_installation_claims),
    (Step.VERIFY, GET, 1): Story(readers_are_out, given={"damaged": True}),
    (Step.VERIFY, LOGIN, 1): Story(promoted, stale(REFUSED)),
    (Step.VERIFY, LOGIN, 2): Story(promoted, stale(REFUSED)),
    (Step.VERIFY, LOGIN, 3): Story(promoted, stale(REFUSED)),
    (Step.VERIFY, LOGIN, 4): Story(readers_are_out, given={"damaged": True, "gullible": True}),
    (Step.VERIFY_LIVE, GET, 1): Story(old_is_off, readers_are_denied),
    (Step.VERIFY_LIVE, LOGIN, 1): Story(old_is_off, stale(REFUSED)),
    (Step.DRAIN, USED, 1): Story(old_is_off, old_key_is_used, NIGHTLY),
    (Step.DRAIN, USED, 2): Story(old_is_off, given=STRAGGLER),
    (Step.SUSPEND, DESCRIBE, 1): Story(old_is_off, somebody_pins_the_old_key),
    (Step.SUSPEND, LIST, 1): Story(old_is_off, new_key_is_deleted),
    (Step.SUSPEND, USED, 1): Story(old_is_off, old_key_is_used),
    (Step.SUSPEND, DESCRIBE, 2): Story(went_on_while_readers_are_out, label_is_moved_back),
    (Step.PROVE_OFF, GET, 1): Story(old_is_destroyed, stale(ACCEPTED, deaf=True)),
    (Step.PROVE_OFF, LOGIN, 1): Story(old_is_destroyed, stale(ACCEPTED)),
    (Step.PROVE_OFF, LOGIN, 2): Story(old_is_destroyed, stale(ACCEPTED)),
    (Step.DESTROY, DESCRIBE, 1): Story(old_is_destroyed, label_is_moved_back),
    (Step.DESTROY, LIST, 1): Story(old_is_destroyed, new_key_is_deleted),
    (Step.DESTROY, USED, 1): Story(old_is_destroyed, old_key_is_used),
    (Step.DESTROY, DESCRIBE, 2): Story(closed, label_is_moved_back),
    (Step.PROVE_DEAD, GET, 1): Story(closed_without_a_word, stale(ACCEPTED, deaf=True)),
    (Step.PROVE_DEAD, LOGIN, 1): Story(closed_without_a_word, stale(ACCEPTED)),
    (Step.PROVE_DEAD, LOGIN, 2): Story(closed_without_a_word, stale(ACCEPTED)),
    (Step.TIDY, LIST, 1): Story(closed, person_makes_a_key),
}


def reads_of(table: Sequence[Call]) -> dict[tuple[Step, str, int], int]:
    """Each read of the table, by its step and its number there, and its place."""
    places: dict[tuple[Step, str, int], int] = {}
    for place, call in enumerate(table):
        if call.reads:
            before = sum((call.step, call.name) == key[:2] for key in places)
            places[(call.step, call.name, before + 1)] = place
    return places


def test_every_read_has_its_story() -> None:
    assert STORIES.keys() == reads_of(calls.BY_TIME).keys() | reads_of(calls.BY_USAGE).keys()


@pytest.mark.parametrize("read", one_in(3, STORIES), ids=lambda read: "-".join(map(str, read)))
def test_without_the_read_there_is_an_accident(
    strict_fleet: Fleet, read: tuple[Step, str, int]
) -> None:
    story = STORIES[read]
    table = calls.BY_TIME if story.given.get("by_time", True) else calls.BY_USAGE
    ends = {}
    for blind in (False, True):
        scene = Scene(
            strict_fleet, target=reads_of(table)[read], act=story.act, blind=blind, **story.given
        )
        scene.tell()
        ends[blind] = story.accident(scene)
    assert ends == {False: False, True: True}
