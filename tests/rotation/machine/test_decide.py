"""What stops a rotation, and the exits that it has: gates, holds, people's verbs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.errors import PolicyRefusal, Transient, UsageError
from rotation.execution.live import Live
from rotation.machine.decide import Close, Do, Held, Wait, next_action
from rotation.machine.replay import Outcome, replay
from rotation.plan import PLANS, Step
from rotation.types import ConsumerSpec, Gates, PluginSpec
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.simulator import specification
from tests.support.stories import seeded
from tests.support.world import INSTALLATION, World


def until(story: Story, step: str) -> None:
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, step)


def live(story: Story, gates: Gates) -> Story:
    runner = story.runner
    story.runner = lambda: replace(runner(), live=Live(gates=lambda secret, now: gates))  # type: ignore[method-assign]
    return story


# ---------------------------------------------------------------------------------------- gates


def test_a_closed_window_stops_promote_and_says_until_when() -> None:
    story = seeded()
    opens = story.world.now + timedelta(hours=8)
    live(story, Gates(open=False, opens_at=opens))
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "verify")
    action = story.runner().advance(STREAM)
    assert isinstance(action, Wait)
    assert (action.until, action.why) == (opens, "waits for its window")
    row = story.journal.identity(STREAM)
    assert row is not None
    assert (row.row, row.wake_at) == ("promote", opens)
    assert story.world.labels["current"] == "v0"


def test_promote_starts_only_if_every_delivery_fits() -> None:
    story = live(seeded(), Gates(open=False))
    until(story, "verify")
    rotation = replay(story.journal.entries(STREAM))
    now = story.world.now
    short = Gates(until=now + timedelta(seconds=39), opens_at=now + timedelta(days=1))
    assert isinstance(next_action(rotation, now, short), Wait)
    long = Gates(until=now + timedelta(seconds=41))
    assert isinstance(next_action(rotation, now, long), Do)


def test_a_freeze_stops_suspend_but_not_what_propagates() -> None:
    story = live(seeded(), Gates(frozen="year end"))
    until(story, "drain")
    assert not replay(story.journal.entries(STREAM)).state(Step.PROMOTE).done


def test_a_hold_stops_every_row_and_release_lifts_it() -> None:
    story = seeded()
    until(story, "issue")
    stories.request(story, "hold", reason="ask Kim")
    action = story.drive()
    assert isinstance(action, Wait)
    assert action.until is None
    stories.request(story, "release")
    assert isinstance(story.drive(), Close)


def test_a_held_identity_is_not_opened() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    stories.request(story, "hold", reason="migration")
    with pytest.raises(PolicyRefusal, match="migration"):
        story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")


# --------------------------------------------------------------------------------- people's verbs


def test_destroy_by_hand_waits_for_a_person() -> None:
    story = seeded()
    story.spec = replace(story.spec, destroy_by_hand=True)
    until(story, "soak")
    assert story.drive() == Held("held.destroy-by-hand", story.drive().exits)  # type: ignore[union-attr]
    assert len(story.world.instances) == 2
    stories.request(story, "resume", destroy=True)
    assert isinstance(story.drive(), Close)
    assert len(story.world.instances) == 1


def test_rollback_after_destroy_is_too_late() -> None:
    story = seeded()
    until(story, "destroy")
    stories.request(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == Outcome.SUCCEEDED


def test_accept_current_makes_what_is_there_the_baseline_and_removes_ours() -> None:
    """A person wrote a version of their own while ours was pending."""
    story = seeded()
    until(story, "verify")
    story.world.versions["theirs"] = story.world.versions["v0"]
    story.world.move("current", "theirs")
    action = story.drive()
    assert isinstance(action, Held)
    minted = story.rotation().new
    stories.request(story, "accept-current")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == Outcome.ACCEPTED
    assert minted in story.world.graves
    assert story.rotation().result.version == "theirs"
    assert story.violations() == []


def test_abandon_touches_nothing() -> None:
    story = seeded()
    until(story, "verify")
    calls = len(story.world.calls)
    stories.request(story, "abandon")
    assert isinstance(story.drive(), Close)
    assert len(story.world.calls) == calls
    assert story.rotation().outcome == Outcome.ABANDONED


def test_a_changed_specification_is_held_and_resume_keeps_the_stored_one() -> None:
    story = seeded()
    until(story, "issue")
    joined = ConsumerSpec(
        id="newcomer",
        plugin=PluginSpec(type="simulated", options={}),
        pushed=False,
        confirms=False,
        refresh_s=1,
    )
    changed = replace(story.spec, consumers=(*story.spec.consumers, joined))
    runner = story.runner
    story.runner = lambda: replace(runner(), live=Live(specification=lambda secret: changed))  # type: ignore[method-assign]
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.spec-changed"
    stories.request(story, "resume")
    assert isinstance(story.drive(), Close)


def test_a_routine_rotation_needs_a_credential_that_the_journal_knows() -> None:
    with pytest.raises(UsageError, match="does not know"):
        seeded().runner().open(STREAM, PLANS["routine"], seeded().spec, trigger="test")


# --------------------------------------------------------------------------------- what is refused


def test_a_new_credential_that_never_logs_in_is_rolled_back() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    accepts = story.world.accepts
    story.world.accepts = lambda handle, secret: handle == "KEY1" and accepts(handle, secret)  # type: ignore[method-assign]
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == Outcome.ROLLED_BACK
    assert list(story.world.instances) == ["KEY1"]
    assert story.violations() == []


def test_a_probe_that_refuses_the_old_one_too_is_broken() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    story.world.consumers.clear()
    story.world.accepts = lambda handle, secret: False  # type: ignore[method-assign]
    stories.open_plan(story, "routine")
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.probe-broken"


def test_a_probe_that_accepts_a_wrong_secret_proves_nothing() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    story.world.accepts = lambda handle, secret: True  # type: ignore[method-assign]
    stories.open_plan(story, "routine")
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.probe-meaningless"
    assert story.world.labels["current"] == "v0"


def test_a_full_issuer_is_held_and_nothing_is_freed() -> None:
    story = seeded()
    story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.slot-full"
    assert len(story.world.instances) == 2
    stories.request(story, "ours", instance="KEY2")
    assert isinstance(story.drive(), Close)
    assert "KEY2" in story.world.graves


def test_no_consumer_no_evidence_no_revoke() -> None:
    story = seeded()
    story.spec = replace(story.spec, consumers=())
    until(story, "destroy")
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.no-consumers"
    assert story.world.instances["KEY1"].active


def test_an_out_of_tries_row_is_held() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")

    def broken(number: int, name: str) -> None:
        del number
        if name == "before probe.login":
            raise Transient("sim.down", "the service of the probe is down")

    story.boundaries.act = broken
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.out-of-tries"


def test_a_complaint_during_the_soak_brings_the_old_one_back() -> None:
    story = seeded()
    until(story, "prove-off")
    story.world.instances["KEY1"].used = story.world.now + timedelta(seconds=1)
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.complaint"
    assert story.world.instances["KEY1"].active
    stories.request(story, "resume")
    story.world.instances["KEY1"].used = None
    assert isinstance(story.drive(), Close)
    assert "KEY1" in story.world.graves


# ------------------------------------------------------------------------------ RETIRE and REPAIR


def test_retire_needs_consumers_that_are_gone_or_a_named_gap() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "retire")
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.no-evidence"
    assert story.world.instances["KEY1"].active


def test_retire_ends_with_no_instance_and_a_retired_row() -> None:
    world = World()
    world.seed()
    story = Story(world, specification(world))
    stories.without_faults(story, stories.adopt)
    world.consumers.clear()
    gone = tuple(replace(consumer, gone=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=gone)
    stories.open_plan(story, "retire")
    assert isinstance(story.drive(), Close)
    assert world.instances == {}
    row = story.journal.identity(STREAM)
    assert row is not None
    assert row.retired


def test_repair_removes_a_pending_label_that_nobody_works_on() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    story.world.versions["left"] = story.world.versions["v0"]
    story.world.labels["pending"] = "left"
    stories.open_plan(story, "repair")
    assert isinstance(story.drive(), Close)
    assert "pending" not in story.world.labels
    assert story.world.labels["current"] == "v0"


def test_an_empty_journal_beside_our_marks_is_lost_and_not_new() -> None:
    story = seeded(exclusive=True)
    assert isinstance(stories.routine(story), Close)
    amnesiac = Story(story.world, story.spec)
    stories.open_plan(amnesiac, "adopt")
    action = amnesiac.drive()
    assert isinstance(action, Held)
    assert action.code == "held.journal-behind"
    stories.request(amnesiac, "accept-current")
    assert isinstance(amnesiac.drive(), Close)
    assert amnesiac.rotation().result.handle == story.rotation().new


@pytest.mark.parametrize(("claim", "ends"), [(None, Close), ("another00000", Held)])
def test_create_claims_an_empty_secret_that_nobody_claims(claim: str | None, ends: type) -> None:
    story = seeded(empty=True)
    story.world.claim = claim
    assert isinstance(stories.first(story), ends)
    assert story.world.claim == (INSTALLATION if claim is None else claim)
