"""Accidents that a hostile reader looked for: what a person's exit, a second round, a broken
neighbour or a clock could make of a rotation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotation.errors import Denied, Transient
from rotation.execution.live import Live
from rotation.execution.runner import Runner
from rotation.journal.facts import Opened
from rotation.machine.decide import Close, Held, Wait, pending_resume
from rotation.machine.held import REASONS
from rotation.operations.survey import survey
from rotation.plan import PLANS, Step
from rotation.types import CURRENT, Gates
from tests.support import emergencies, stories
from tests.support.acts import Jumped, ask, code, declare, dies_once, failing, forget_steps, opened
from tests.support.crash import STREAM, Story
from tests.support.simulator import SimulatedIssuer, bound
from tests.support.stories import seeded
from tests.support.world import START, Killed, World

# ------------------------------------------------------------------------------- a second round


def test_resume_after_a_denied_proof_does_not_mint_again() -> None:
    """In an emergency the proof and the new credential go beside each other."""
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    accepts = story.world.accepts
    story.world.accepts = lambda handle, secret: handle == "KEY1" or accepts(handle, secret)  # type: ignore[method-assign]
    stories.advance_until(story, "promote")
    story.world.denied.add("store.read")
    story.drive()
    story.world.denied.clear()
    story.world.accepts = accepts  # type: ignore[method-assign]
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.world.minted == 2
    assert emergencies.findings(story) == []


def test_resume_gives_a_row_its_tries_again() -> None:
    story = opened()
    failing(story, "before probe.login", lambda: Transient("sim.down", "down"))
    assert code(story) == "held.out-of-tries"
    story.boundaries.act = None
    ask(story, "resume")
    assert isinstance(story.drive(), Close)


def test_a_second_suspend_is_proved_again() -> None:
    story = opened(until="prove-off")
    old = story.rotation().old
    assert old is not None
    story.world.instances[old].used = story.world.now + timedelta(seconds=1)
    assert code(story) == "held.complaint"
    story.world.instances[old].used = None
    ask(story, "resume")
    stories.advance_until(story, "suspend")
    story.world.calls.clear()
    stories.advance_until(story, "soak")
    assert story.world.calls.count("probe.login") >= 2


def test_an_old_one_that_could_not_be_resumed_is_not_said_to_be() -> None:
    story = opened(until="suspend")
    story.world.move("current", story.rotation().old_version)
    story.world.denied.add("issuer.resume")
    assert code(story) == "held.denied"
    story.world.denied.clear()
    ask(story, "resume")
    assert code(story) == "held.pointer-moved"
    assert story.world.instances[story.rotation().old or ""].active


def test_a_changed_specification_does_not_keep_the_old_one_off() -> None:
    story = opened(until="suspend")
    story.world.move("current", story.rotation().old_version)
    runner = story.runner
    changed = replace(story.spec, fields={"id": "other"})
    failing(story, "before issuer.resume", lambda: Transient("sim.down", "down"))
    while pending_resume(story.rotation()) is None:
        story.runner().advance(STREAM)
        story.world.advance(story.world.now + timedelta(seconds=2))
    story.boundaries.act = None
    story.world.advance(story.world.now + timedelta(minutes=1))
    story.runner = lambda: replace(runner(), live=Live(specification=lambda secret: changed))  # type: ignore[method-assign]
    story.drive()
    assert story.world.instances[story.rotation().old or ""].active


@pytest.mark.parametrize("verb", ["rollback", "accept-current"])
def test_asking_again_takes_up_what_was_refused(verb: str) -> None:
    story = opened(until="verify")
    story.world.denied |= {"issuer.destroy", "store.read"}
    ask(story, verb)
    assert code(story) == "held.denied"
    story.world.denied.clear()
    ask(story, verb)
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def test_a_hold_does_not_stop_an_emergency() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    ask(story, "hold", reason="wait")
    assert isinstance(story.drive(), Close)


# ------------------------------------------------------------------------------------- emergency


def compromised(**world: bool) -> Story:
    story = seeded(**world)
    stories.without_faults(story, stories.adopt)
    declare(story)
    return story


@pytest.mark.parametrize("call", ["store.state", "issuer.usage", "issuer.listing"])
def test_containment_does_not_wait_for_what_cannot_be_read(call: str) -> None:
    story = compromised()
    story.world.denied.add(call)
    story.drive()
    key = story.world.instances.get("KEY1")
    assert key is None or not key.active


@pytest.mark.parametrize("first", ["gone", "denied"])
def test_one_that_cannot_be_contained_does_not_keep_the_others_alive(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = opened(until="verify")
    declare(story)
    suspend = SimulatedIssuer.suspend
    if first == "gone":
        del story.world.instances["KEY1"]

    def denied(issuer: SimulatedIssuer, handle_id: str, **how: Any) -> None:
        if handle_id == "KEY1" and first == "denied":
            raise Denied("sim.denied", "denied", "grant it")
        suspend(issuer, handle_id, **how)

    monkeypatch.setattr(SimulatedIssuer, "suspend", denied)
    action = story.drive()
    assert isinstance(action, Close) is (first == "gone")
    key = story.world.instances.get("KEY2")
    assert key is None or not key.active


def test_room_is_not_made_with_a_key_that_is_not_ours() -> None:
    story = opened(until="none")
    ask(story, "abandon")
    story.drive()
    story.world.mint(by_person=True)
    story.world.emergency = True

    def declaring(runner: Runner) -> None:
        seen = survey(story.journal, bound(story.world), STREAM, story.spec)
        said = Opened(scope=sorted(story.world.instances), reason="leaked")
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", said=said)

    person = next(i.id for i in story.world.instances.values() if i.by_person)
    story.survive(declaring)
    story.drive()
    assert person in story.world.instances
    assert not story.world.instances[person].active


def test_what_was_contained_by_destroying_is_not_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cannot_suspend(monkeypatch)
    story = compromised()
    stories.advance_until(story, "contain")
    ask(story, "cancel")
    story.drive()
    assert story.rotation().outcome == "succeeded"


def test_a_label_moved_back_holds_an_emergency() -> None:
    story = compromised()

    def back(number: int, name: str) -> None:
        del number
        if (
            name == "after probe.login"
            and story.rotation().state(Step.VERIFY_LIVE).intended is False
        ):
            current = story.world.labels["current"]
            if current == story.rotation().new_version and story.rotation().done(Step.PROMOTE):
                story.world.move("current", "v0")

    story.boundaries.act = back
    assert code(story) == "held.pointer-moved"


def cannot_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    traits = replace(SimulatedIssuer(World()).traits, can_suspend=False)
    monkeypatch.setattr(SimulatedIssuer, "traits", property(lambda issuer: traits))


# --------------------------------------------------------------------------------- retire, create


def retiring(until: str) -> Story:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    story.world.consumers.clear()
    gone = tuple(replace(consumer, gone=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=gone)
    stories.open_plan(story, "retire")
    stories.advance_until(story, until)
    return story


def test_a_complaint_brings_back_what_is_being_retired() -> None:
    story = retiring("prove-off")
    story.world.instances["KEY1"].used = story.world.now + timedelta(seconds=1)
    assert code(story) == "held.complaint"
    assert story.world.instances["KEY1"].active


def test_a_new_credential_after_retirement_is_not_retired() -> None:
    story = retiring("tidy")
    assert isinstance(story.drive(), Close)
    stories.open_plan(story, "first")
    assert isinstance(story.drive(), Close)
    row = story.journal.identity(STREAM)
    assert row is not None
    assert not row.retired
    assert row.handle == "KEY2"


def test_create_is_not_for_a_secret_that_has_a_credential() -> None:
    story = opened("first")
    assert code(story) == "held.not-empty"
    assert list(story.world.instances) == ["KEY1"]


# ------------------------------------------------------------------------ nothing unaccounted for


@pytest.mark.parametrize("boundary", ["after issuer.issue", "before store.stage"])
@pytest.mark.parametrize("step", ["rollback", "accept-current"])
def test_going_back_from_a_mint_in_doubt_leaves_nothing_behind(boundary: str, step: str) -> None:
    story = opened()
    dies_once(story, boundary)
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    ask(story, step)
    action = story.drive()
    assert story.violations() == []
    if boundary == "after issuer.issue":
        assert action == Held("held.unknown-instance", REASONS["held.unknown-instance"].exits)
    else:
        assert list(story.world.instances) == ["KEY1"]


@pytest.mark.parametrize("chosen", [False, True])
def test_going_back_from_a_staging_in_doubt_leaves_no_label(*, chosen: bool) -> None:
    story = opened(chosen=chosen)
    dies_once(story, "after store.stage")
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert "pending" not in story.world.labels
    assert story.violations() == []


def test_rollback_after_a_begun_acceptance_removes_the_new_one() -> None:
    story = opened(until="promote")
    ask(story, "accept-current")
    failing(story, "before consumer.deliver", lambda: Denied("sim.denied", "denied", "grant it"))
    assert code(story) == "held.denied"
    story.boundaries.act = None
    ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []
    assert list(story.world.instances) == ["KEY1"]


def test_the_current_credential_is_not_given_up_by_a_mistyped_id() -> None:
    story = seeded()
    story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    assert code(story) == "held.slot-full"
    ask(story, "ours", instance="KEY1")
    assert code(story) == "held.slot-full"
    assert story.world.instances["KEY1"].active


def test_an_old_one_that_an_acceptance_left_alive_goes_with_the_next_rotation() -> None:
    story = opened(until="promote")
    ask(story, "accept-current")
    assert isinstance(story.drive(), Close)
    routine_again(story)
    assert isinstance(story.drive(), Close)
    assert "KEY1" in story.world.graves
    assert story.violations() == []
    routine_again(story)
    assert isinstance(story.drive(), Close)


def routine_again(story: Story) -> None:
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")


def test_another_instance_in_the_doubt_window_soaks_on_its_own() -> None:
    """Exclusive: ours is off and soaks, somebody removes it and makes another one."""
    story = opened(exclusive=True)
    dies_once(story, "after issuer.issue")
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    while story.world.instances["KEY2"].active:
        story.runner().advance(STREAM)
        story.world.advance(story.world.now + timedelta(seconds=2))
    del story.world.instances["KEY2"]
    other = story.world.mint(by_person=True)
    suspended: list[str] = []
    story.boundaries.act = lambda number, name: suspended.append(name)
    story.drive()
    assert other.id not in story.world.instances
    destroy = suspended.index("before issuer.destroy")
    assert "before issuer.suspend" in suspended[:destroy]


# -------------------------------------------------------------------------------------- the clock


@pytest.mark.parametrize(("step", "active"), [("promote", True), ("prove-off", False)])
def test_a_clock_that_jumped_ends_no_wait(step: str, *, active: bool) -> None:
    story = seeded()
    elapsed = tuple(replace(consumer, accept_elapsed=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=elapsed)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, step)
    runner, clock = story.runner, Jumped(story.world, ahead=timedelta(days=365))
    story.runner = lambda: replace(runner(), clock=clock)  # type: ignore[method-assign]
    assert code(story) == "held.clock"
    assert story.world.instances["KEY1"].active is active


def test_waits_that_a_jumping_clock_ended_are_waited_out_after_all() -> None:
    """It jumps during the grace, is set right, and a person resumes: only then grace passes."""
    story = seeded()
    elapsed = tuple(replace(consumer, accept_elapsed=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=elapsed, grace_s=3600, soak_s=600)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "promote")
    promoted, off = story.world.now, None
    runner, clock = story.runner, Jumped(story.world, ahead=timedelta(days=365))
    story.runner = lambda: replace(runner(), clock=clock)  # type: ignore[method-assign]
    assert code(story) == "held.clock"
    clock.ahead = timedelta()
    ask(story, "resume")

    def watch(number: int, name: str) -> None:
        nonlocal off
        del number
        if name == "before issuer.suspend":
            off = story.world.now
        if name == "before issuer.destroy":
            assert off is not None
            assert story.world.now >= off + timedelta(seconds=600)

    story.boundaries.act = watch
    assert isinstance(story.drive(), Close)
    assert off is not None
    assert off >= promoted + timedelta(seconds=3590)
    assert story.world.now < promoted + timedelta(days=1)
    assert story.violations() == []


# ------------------------------------------------------------------------------------ the window


def test_a_window_that_opens_earlier_than_told_is_used() -> None:
    gates = {"now": Gates(open=False, opens_at=START + timedelta(days=7))}
    story = seeded()
    runner = story.runner
    live = Live(gates=lambda secret, now: gates["now"])
    story.runner = lambda: replace(runner(), live=live)  # type: ignore[method-assign]
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "verify")
    assert isinstance(story.runner().advance(STREAM), Wait)
    row = story.journal.identity(STREAM)
    assert row is not None
    assert (row.wake_at, row.why) == (START + timedelta(days=7), "waits for its window")
    gates["now"] = Gates()
    assert isinstance(story.drive(), Close)
    assert story.world.now < START + timedelta(days=1)


# ------------------------------------------------------- rows of another version of the program


@pytest.mark.parametrize("until", ["issue", "verify", "promote"])
def test_a_row_that_nobody_knows_is_held_and_can_be_held_and_abandoned(
    until: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = opened(until=until)
    forget_steps(monkeypatch, "soak", "confirm-old")
    assert code(story) == "held.unknown-row"
    ask(story, "hold", reason="a new version was undone")
    ask(story, "resume")
    assert code(story) == "held.unknown-row"
    ask(story, "abandon")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []
    assert story.rotation().on_hold == "a new version was undone"


def test_a_value_that_does_not_log_in_is_not_accepted() -> None:
    story = opened(until="promote")
    story.world.versions["typed"] = ("KEY1", "not-the-secret-of-it")
    story.world.move(CURRENT, "typed")
    ask(story, "accept-current")
    assert code(story) == "held.probe-broken"
    assert set(story.world.instances) == {"KEY1", "KEY2"}, "nothing was removed"
    story.world.versions["repaired"] = story.world.versions["v0"]
    story.world.move(CURRENT, "repaired")
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.rotation().result.version == "repaired"
    assert "KEY1" in story.world.instances
