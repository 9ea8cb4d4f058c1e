"""What a person is told is true: checked against the simulated world at every step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from rotation.errors import Ambiguous, NotYet, Transient
from rotation.execution.runner import Runner
from rotation.journal.entries import Draft, Kind
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Wait
from rotation.machine.held import Exit
from rotation.machine.replay import Rotation, replay
from rotation.plan import PLANS, Step
from rotation.report.describe import (
    awaited,
    duration,
    old_dies,
    relative,
    what_works,
)
from rotation.report.exits import open_exits
from rotation.report.health import consumers_at_risk, standing
from tests.support.simulator import (
    CURRENT,
    SimulatedClock,
    SimulatedIssuer,
    bound,
    specification,
)
from tests.support.world import INSTALLATION, START, World

STREAM = "simulated-app"


@dataclass
class Tale:
    """One identity, advanced a step at a time."""

    world: World = field(default_factory=World)
    reply: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.seed()
        self.spec = replace(specification(self.world), grace_s=600, quiet_s=60, soak_s=3600)
        self.journal = MemoryJournal(INSTALLATION)
        self.runner = Runner(
            journal=self.journal, bind=lambda spec: bound(self.world),
            clock=SimulatedClock(self.world), id="one",
        )  # fmt: skip

    def open(self, plan: str) -> "Tale":
        self.runner.open(STREAM, PLANS[plan], self.spec, trigger="test")
        return self

    def until(self, step: Step | None, check: Callable[[Rotation], None] | None = None) -> Rotation:
        for _ in range(2000):
            action = self.runner.advance(STREAM, until=step)
            rotation = replay(self.journal.entries(STREAM))
            if check is not None:
                check(rotation)
            if not isinstance(action, Wait) or action.until is None:
                return rotation
            self.world.advance(action.until)
        raise AssertionError("it never ends")

    def adopted(self) -> "Tale":
        self.open("adopt").until(None)
        return self

    def request(self, verb: str) -> None:
        draft = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": verb})
        self.journal.request(STREAM, draft, "one", self.world.now)


@pytest.fixture
def tale() -> Tale:
    return Tale().adopted()


STORY = {
    Step.ISSUE: "KEY1 works, and readers get it",
    Step.VERIFY: "KEY1 works, and readers get it; KEY2 is new and nobody has it yet",
    Step.PROMOTE: "readers get KEY1 or KEY2: a move of the label is in doubt; both work",
    Step.DRAIN: "KEY2 works, and readers get it; KEY1 works too",
    Step.PROVE_OFF: "KEY2 works, and readers get it; KEY1 is off, reversibly",
    Step.PROVE_DEAD: "KEY2 works, and readers get it; KEY1 is gone",
}


def test_a_routine_rotation_is_told_step_by_step(tale: Tale) -> None:
    tale.open("routine")
    for step, sentence in STORY.items():
        assert what_works(tale.until(step)) == sentence
    assert what_works(tale.until(None)) == "KEY2 is the current credential"


def says_what_is_true(world: World) -> Callable[[Rotation], None]:
    """The sentence against the world: who is active, and whom the label names."""

    def check(rotation: Rotation) -> None:
        now = standing(rotation)
        if rotation.outcome is not None:
            return
        active = {i.id for i in world.instances.values() if i.active}
        for handle, life in ((now.old, now.old_life), (now.new, now.new_life)):
            if handle is not None and life in ("works", "off", "gone"):
                assert (handle in active) is (life == "works"), (rotation.last, now)
        readers = world.versions[world.labels[CURRENT]][0]
        if now.readers in ("old", "new"):
            assert readers == getattr(now, now.readers), (rotation.last, now)

    return check


def test_every_sentence_of_a_routine_rotation_is_true(tale: Tale) -> None:
    tale.open("routine").until(None, says_what_is_true(tale.world))


@pytest.mark.parametrize("step", [Step.VERIFY, Step.PROMOTE, Step.DRAIN, Step.SOAK])
def test_every_sentence_of_a_rollback_is_true(tale: Tale, step: Step) -> None:
    tale.open("routine").until(step)
    tale.request("rollback")
    last = tale.until(None, says_what_is_true(tale.world))
    assert last.outcome == "rolled-back"


IN_DOUBT = "a move of the label is in doubt"


def test_a_promotion_that_was_denied_moved_nothing(tale: Tale) -> None:
    tale.open("routine").until(Step.VERIFY)
    tale.world.denied.add("store.promote")
    rotation = tale.until(None, says_what_is_true(tale.world))
    assert (rotation.held, standing(rotation).readers) == ("held.denied", "old")
    assert IN_DOUBT not in what_works(rotation)
    tale.world.denied.clear()
    tale.request("resume")
    assert tale.until(None, says_what_is_true(tale.world)).outcome == "succeeded"


@pytest.mark.parametrize("call", ["store.promote", "store.state"])
def test_a_way_back_that_was_denied_moved_nothing(tale: Tale, call: str) -> None:
    tale.open("routine").until(Step.DRAIN)
    tale.request("rollback")
    tale.until(Step.VERIFY_OLD)
    tale.world.denied.add(call)
    rotation = tale.until(None, says_what_is_true(tale.world))
    assert (rotation.held, standing(rotation).readers) == ("held.denied", "new")
    assert IN_DOUBT not in what_works(rotation)
    tale.world.denied.clear()
    tale.request("resume")
    assert tale.until(None, says_what_is_true(tale.world)).outcome == "rolled-back"


def test_what_was_not_answered_before_it_was_denied_stays_in_doubt(tale: Tale) -> None:
    tale.open("routine").until(Step.VERIFY)

    def unanswered(number: int, name: str) -> None:
        if name == "store.promote":
            tale.world.denied.add(name)
            raise Ambiguous("sim.no-answer", "it may have happened")

    tale.world.after = unanswered
    rotation = tale.until(None)
    assert (rotation.held, standing(rotation).readers) == ("held.denied", "either")


@pytest.mark.parametrize(("call", "readers"), [("store.write", "old"), ("store.record", "either")])
def test_of_a_promotion_of_two_calls_only_the_first_one_denied_moved_nothing(
    call: str, readers: str
) -> None:
    tale = Tale(World(numbered=True)).adopted()
    tale.open("routine").until(Step.VERIFY)
    tale.world.denied.add(call)
    rotation = tale.until(None)
    assert (rotation.held, standing(rotation).readers) == ("held.denied", readers)


def test_a_switch_that_was_denied_left_the_old_one_on(tale: Tale) -> None:
    tale.open("routine").until(Step.DRAIN)
    tale.world.denied.add("issuer.suspend")
    rotation = tale.until(None, says_what_is_true(tale.world))
    assert (rotation.held, standing(rotation).old_life) == ("held.denied", "works")
    tale.world.denied.clear()
    tale.request("resume")
    assert tale.until(None).outcome == "succeeded"


def test_the_death_of_the_old_one_is_foretold_within_its_waits(tale: Tale) -> None:
    rotation = tale.open("routine").until(Step.PROMOTE)
    foretold = old_dies(rotation, tale.world.now)
    assert foretold is not None
    tale.until(Step.DESTROY)
    assert foretold <= tale.world.now <= foretold + timedelta(minutes=5)


def test_who_was_not_given_the_new_one_is_named_and_kept_waiting_for(tale: Tale) -> None:
    def hangs(_: int, call: str) -> None:
        if call == "consumer.deliver":
            raise Transient("sim.hangs", "it does not answer")

    tale.world.before = hangs
    tale.open("routine").until(Step.DELIVER)
    tale.runner.advance(STREAM)
    rotation = replay(tale.journal.entries(STREAM))
    assert "KEY2 works, and readers get it; batch " in what_works(rotation)
    assert " it yet; KEY1 works too" in what_works(rotation)
    assert awaited(rotation, tale.world.now) == (("batch",), timedelta(seconds=4200))
    tale.world.before = None
    rotation = tale.until(Step.DRAIN)
    assert "yet" not in what_works(rotation)
    assert awaited(rotation, tale.world.now) is None


def test_nobody_is_said_to_have_what_only_the_store_has(tale: Tale) -> None:
    tale.spec = replace(tale.spec, consumers=tuple(c for c in tale.spec.consumers if c.pushed))
    tale.open("routine").until(Step.DELIVER)
    reply = what_works(replay(tale.journal.entries(STREAM)))
    assert reply == "KEY2 works, and the store has it; batch may not have it yet; KEY1 works too"


def test_a_destroyed_one_cannot_be_rolled_back_to(tale: Tale) -> None:
    tale.open("routine").until(Step.DESTROY)
    tale.world.denied.add("issuer.listing")
    rotation = tale.until(Step.TIDY)
    assert rotation.held == "held.denied"
    assert Exit.ROLLBACK in open_exits(rotation)
    tale.world.denied.clear()
    tale.request("resume")
    tale.until(Step.PROVE_DEAD)
    tale.world.denied.add("probe.login")
    rotation = tale.until(None)
    assert rotation.held == "held.denied"
    assert Exit.ROLLBACK not in open_exits(rotation)


def test_a_switch_off_that_waits_and_changed_nothing_is_no_doubt(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    tale.open("routine").until(Step.SUSPEND)

    def in_use(*_: object, **__: object) -> None:
        raise NotYet(
            "issuer.in-use", "somebody is logged in",
            until=tale.world.now + timedelta(minutes=1), observed={"void": True},
        )  # fmt: skip

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedIssuer, "suspend", in_use)
        tale.runner.advance(STREAM)
        rotation = replay(tale.journal.entries(STREAM))
    assert what_works(rotation) == "KEY2 works, and readers get it; KEY1 works too"
    assert tale.until(None, says_what_is_true(tale.world)).outcome == "succeeded"


def test_a_destruction_that_was_refused_is_not_said_to_go_on(tale: Tale) -> None:
    tale.open("routine").until(Step.DESTROY)
    tale.world.denied.add("issuer.destroy")
    assert what_works(tale.until(Step.PROVE_DEAD)) == (
        "KEY2 works, and readers get it; KEY1 is off, reversibly"
    )


def test_consumers_at_risk_are_seen(tale: Tale) -> None:
    rotation = tale.open("routine").until(Step.PROMOTE)
    assert not consumers_at_risk(rotation)
    tale.until(Step.VERIFY_LIVE)
    tale.world.instances["KEY2"].active = False
    tale.world.instances["KEY2"].changed = tale.world.now
    tale.world.advance(tale.world.now + timedelta(minutes=1))
    rotation = tale.until(None)
    assert rotation.held == "held.found-suspended"
    assert consumers_at_risk(rotation)
    reply = "readers get KEY2, which is off: they are without a working credential; KEY1 works too"
    assert what_works(rotation) == reply


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (3600 * 30, "1 d 6 h"),
     (86_400 * 90, "90 d")],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text
    assert relative(START + timedelta(seconds=seconds), START) == (
        f"in {text}" if seconds else "now"
    )


def test_the_past_is_ago() -> None:
    assert relative(START - timedelta(days=2), START) == "2 d ago"
