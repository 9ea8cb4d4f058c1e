"""More of them: what stops a rotation on its way, though the world is as the journal has it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.errors import NeedsPerson, Refused, Transient
from rotation.execution.live import Live
from rotation.machine.held import Exit
from rotation.types import COMPROMISED
from tests.crash.causes import (
    CAUSES,
    IN_PLACE,
    REPLACE,
    adopting,
    cause,
    nothing,
    put_back,
    refused,
    taken_anyhow,
    undone,
    write,
    written_by_hand,
)
from tests.crash.causes_of_death import deleted, on_again
from tests.support import stories
from tests.support.acts import Jumped, ask, breaks_at, declare, failing, forget_steps, opened
from tests.support.crash import STREAM, Story
from tests.support.simulator import SimulatedIssuer, SimulatedStore
from tests.support.world import SimulatedConsumer

__all__ = ["CAUSES"]


@cause("held.not-empty", nothing, afterwards="rotation adopt app")
def a_first_one_for_a_secret_that_got_a_value_meanwhile() -> Story:
    story = stories.seeded()
    stories.open_plan(story, "first")
    return story


@cause("held.empty", nothing, afterwards="rotation create app")
def nothing_is_there_to_adopt() -> Story:
    return adopting(stories.seeded(empty=True))


@cause("held.not-dead", nothing)
def it_came_back_before_it_was_replaced() -> Story:
    story = opened()
    ask(story, "rollback")
    story.drive()
    story.runner().open_replacement(STREAM, story.spec, trigger="person")
    return story


def accepted_stale(story: Story) -> None:
    story.spec = replace(story.spec, accept_stale=("DB_PASSWORD",))


def taken_out(story: Story) -> None:
    story.world.stale = ()
    write(story, "without-it")


@cause("held.stale-copy", accepted_stale, by_hand={Exit.ACCEPT_CURRENT: taken_out})
def another_key_has_the_same_bytes() -> Story:
    story = stories.seeded()
    story.spec = replace(story.spec, keep_foreign=True)
    stories.without_faults(story, stories.adopt)
    story.world.stale = ("DB_PASSWORD",)
    stories.open_plan(story, "routine")
    return story


@cause("held.shared-login", undone)
def another_entry_has_the_same_login() -> Story:
    story = opened()
    runner = story.runner
    live = Live(others=lambda spec, logins: ["mail"])
    story.runner = lambda: replace(runner(), live=live)  # type: ignore[method-assign]
    return story


def declared(story: Story) -> None:
    story.spec = replace(story.spec, consumers=story.declared)  # type: ignore[attr-defined]


@cause("held.no-consumers", declared)
def nobody_is_declared() -> Story:
    story = stories.seeded()
    story.spec = replace(story.spec, consumers=story.spec.consumers[:1])
    story.world.consumers.pop()
    story.declared, story.spec = story.spec.consumers, replace(story.spec, consumers=())  # type: ignore[attr-defined]
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


def elapsed(story: Story) -> None:
    consumers = tuple(replace(c, accept_elapsed=True) for c in story.spec.consumers)
    story.spec = replace(story.spec, consumers=consumers)


@cause("held.no-evidence", elapsed, leads_to={Exit.ABANDON: "held.leftover"})
def nothing_shows_that_a_consumer_moved() -> Story:
    story = stories.seeded(blind=True)
    consumers = tuple(replace(c, accept_elapsed=False) for c in story.spec.consumers)
    story.spec = replace(story.spec, consumers=consumers)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


@cause("held.no-evidence", nothing)
def consumers_of_what_is_retired_are_declared() -> Story:
    return opened("retire")


def time_passed(story: Story) -> None:
    undone(story)
    story.world.advance(story.world.now + timedelta(minutes=5))


def it_moved(story: Story) -> None:
    story.world.consumers.pop()
    story.world.advance(story.world.now + timedelta(minutes=5))


@cause("held.straggler", it_moved)
def somebody_keeps_the_old_one() -> Story:
    story = opened(until="confirm", exclusive=True)
    world = story.world
    stays = SimulatedConsumer("cron", timedelta(0), next_read=world.now + timedelta(days=999))
    stays.holds, stays.next_use = world.versions["v0"], world.now
    world.consumers.append(stays)
    return story


@cause("held.complaint", time_passed)
def somebody_needed_it_while_it_was_off() -> Story:
    story = opened(until="prove-off", exclusive=True)
    story.world.instances["KEY1"].used = story.world.now + timedelta(seconds=1)
    return story


@cause("held.complaint", time_passed)
def somebody_switched_it_on_again() -> Story:
    story = opened(until="prove-off", exclusive=True)
    story.world.instances["KEY1"].active = True
    return story


@cause("held.still-alive", undone)
def the_off_switch_does_nothing() -> Story:
    story = opened(until="confirm", exclusive=True)
    taken_anyhow(story, "KEY1")
    return story


@cause("held.still-alive", undone)
def what_a_rollback_removed_still_logs_in() -> Story:
    story = opened(until="promote", exclusive=True)
    taken_anyhow(story, "KEY2")
    ask(story, "rollback")
    return story


@cause("held.new-unverified", undone, afterwards=REPLACE)
def the_probe_broke_behind_the_leap() -> Story:
    story = opened(**IN_PLACE)
    story.world.emergency = True
    breaks_at(story, lambda: refused(story, *story.world.instances))
    return story


@cause("held.probe-meaningless", undone)
def the_probe_takes_anything() -> Story:
    story = opened()
    story.world.probed = lambda handle, secret: True
    return story


@cause("held.spec-changed", nothing)
def the_file_was_changed() -> Story:
    story = opened(until="issue")
    story.spec = replace(story.spec, fields={"id": "id", "secret": "password"})
    runner = story.runner
    story.runner = lambda: replace(runner(), live=Live(specification=lambda name: story.spec))  # type: ignore[method-assign]
    return story


@cause("held.destroy-by-hand", nothing, leads_to={Exit.ABANDON: "held.destroy-by-hand"})
def a_person_destroys() -> Story:
    story = stories.seeded(exclusive=True)
    story.spec = replace(story.spec, destroy_by_hand=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


@cause("held.replica", undone)
def a_copy_failed() -> Story:
    story = opened(until="confirm", exclusive=True)
    story.world.replicas["eu-west-3"] = "failed"
    return story


@cause("held.denied", undone)
def the_promotion_is_not_granted() -> Story:
    story = opened(until="issue", exclusive=True)
    story.world.denied.add("store.promote")
    return story


@cause("held.denied", undone)
def switching_off_is_not_granted() -> Story:
    story = opened(until="confirm", exclusive=True)
    story.world.denied.add("issuer.suspend")
    return story


@cause("held.denied", undone)
def the_mint_is_not_granted() -> Story:
    story = opened()
    story.world.denied.add("issuer.issue")
    return story


@cause("held.denied", undone)
def going_back_is_not_granted() -> Story:
    story = opened(until="verify", exclusive=True)
    story.world.denied.add("issuer.destroy")
    ask(story, "rollback")
    return story


@cause("held.denied", undone, afterwards=REPLACE)
def an_emergency_may_only_contain() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    story.world.denied.add("issuer.issue")
    return story


@cause("held.needs-person", undone)
def its_deletion_is_scheduled() -> Story:
    story = opened()
    story.world.refusal = ("store.deletion-scheduled", "the secret is scheduled for deletion")
    return story


@cause("held.needs-person", undone)
def its_deletion_is_scheduled_behind_the_promotion() -> Story:
    story = opened(until="confirm", exclusive=True)
    story.world.refusal = ("store.deletion-scheduled", "the secret is scheduled for deletion")
    return story


@cause("held.refused", undone, afterwards=REPLACE)
def the_successor_in_an_emergency_does_not_log_in() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    refused(story, "KEY2")
    return story


@cause(
    "held.probe-broken", put_back, by_hand={Exit.REPLACE: nothing},
    leads_to={Exit.REPLACE: "held.slot-full"},  # whichever of the two goes, a person decides
)  # fmt: skip
def what_a_person_accepted_does_not_log_in() -> Story:
    story = opened(until="verify", exclusive=True)
    story.world.versions["typed"] = ("KEY1", "not-the-secret-of-it")
    story.world.move("current", "typed")
    story.world.emergency = True
    story.drive()
    ask(story, "accept-current")
    return story


@cause("held.refused", undone)
def the_service_refuses_the_switch_off() -> Story:
    story = opened()
    failing(story, "before issuer.suspend", lambda: Refused("sim.refused", "refused"))
    return story


@cause("held.out-of-tries", undone)
def the_service_cannot_be_reached() -> Story:
    story = opened()
    failing(story, "before probe.login", lambda: Transient("sim.down", "down"))
    return story


@cause("held.rollback-failed", on_again, afterwards="rotation adopt app")
def the_way_back_is_dead_and_the_new_one_works() -> Story:
    story = opened(until="confirm", exclusive=True)
    story.world.emergency = True  # for readers that had not moved
    story.world.instances["KEY1"].active = False
    ask(story, "rollback")
    return story


@cause(
    "held.rollback-failed",
    on_again,
    by_hand={Exit.ABANDON: nothing, Exit.ACCEPT_CURRENT: None},
    afterwards=REPLACE,
)
def neither_logs_in() -> Story:
    story = opened(until="verify-live", exclusive=True)
    deleted(story, "KEY2")
    story.drive()
    story.world.instances["KEY1"].active = False
    ask(story, "rollback")
    return story


def clock_set(story: Story) -> None:
    story.__dict__.pop("runner", None)


@cause("held.clock", clock_set)
def the_clock_jumped() -> Story:
    story = stories.seeded(exclusive=True)
    elapsed(story)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "promote")
    runner, clock = story.runner, Jumped(story.world, ahead=timedelta(days=365))
    story.runner = lambda: replace(runner(), clock=clock)  # type: ignore[method-assign]
    return story


@cause("held.compromised", nothing, afterwards="rotation emergency app --reason leaked")
def another_host_declared_an_emergency() -> Story:
    story = opened(until="suspend", exclusive=True)
    story.world.emergency = True
    story.world.labels[COMPROMISED] = "v0"
    ask(story, "rollback")
    return story


def in_another(story: Story, where: type, name: str, other: Callable[..., object]) -> None:
    """That part of the program, or of the service, is another one; until `newer`."""
    story.patch = pytest.MonkeyPatch()  # type: ignore[attr-defined]
    story.patch.setattr(where, name, other)  # type: ignore[attr-defined]


def newer(story: Story) -> None:
    story.patch.undo()  # type: ignore[attr-defined]


def declared_right(story: Story) -> None:
    newer(story)
    written_by_hand(story)
    for consumer in story.world.consumers:
        consumer.holds = story.world.versions["by-hand"]


@cause("held.replaced-in-place", declared_right, afterwards="rotation adopt app")
def the_service_keeps_one_credential() -> Story:
    """What its adapter says where an answer has the id of one that was there before."""
    story = opened(exclusive=True)

    def replacing(issuer: SimulatedIssuer, attempt: str) -> None:
        story.world.emergency = True
        story.world.instances["KEY1"].secret = "canary-of-the-service"
        raise NeedsPerson("held.replaced-in-place", "the service replaced KEY1", "")

    in_another(story, SimulatedIssuer, "issue", replacing)
    return story


def corrected(story: Story) -> None:
    newer(story)
    write(story, "corrected")


@cause("held.composed-differs", corrected)
def a_composed_key_was_edited() -> Story:
    """What a store says that reads the template back."""
    story = stories.seeded()
    story.spec = replace(story.spec, keep_foreign=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")

    def differs(store: SimulatedStore, version: str, handle_id: str, **how: object) -> None:
        raise NeedsPerson("held.composed-differs", "the key url is not what it should be", "")

    in_another(story, SimulatedStore, "stale", differs)
    return story


@cause("held.unknown-row", newer)
def an_older_program_was_installed() -> Story:
    story = opened(until="issue")
    story.patch = pytest.MonkeyPatch()  # type: ignore[attr-defined]
    forget_steps(story.patch, "soak", "confirm-old")  # type: ignore[attr-defined]
    return story
