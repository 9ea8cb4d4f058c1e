"""More of them: what readers get, or what they shall get, is dead, or seems to be."""

from rotation.errors import Permanent
from rotation.machine.held import Exit
from tests.crash.causes import (
    IN_PLACE,
    REPLACE,
    adopting,
    back,
    cause,
    nothing,
    refused,
    undone,
    written_by_hand,
)
from tests.support import stories
from tests.support.acts import ask, declare, failing, opened
from tests.support.crash import STREAM, Story


def deleted(story: Story, handle: str) -> None:
    story.world.emergency = True
    story.deleted = story.world.instances.pop(handle)  # type: ignore[attr-defined]


def listed_again(story: Story) -> None:
    """The login was another account's: its list is not ours."""
    story.world.instances[story.deleted.id] = story.deleted  # type: ignore[attr-defined]


@cause(
    "held.instance-missing",
    by_hand={Exit.ACCEPT_CURRENT: written_by_hand, Exit.RESUME: listed_again},
    afterwards=REPLACE,
)
def the_current_one_was_deleted() -> Story:
    story = opened(exclusive=True)
    deleted(story, "KEY1")
    return story


@cause(
    "held.instance-missing",
    by_hand={Exit.ACCEPT_CURRENT: back("v0"), Exit.RESUME: listed_again},
    afterwards=REPLACE,
)
def the_new_one_was_deleted() -> Story:
    story = opened(until="verify-live", exclusive=True)
    deleted(story, "KEY2")
    return story


@cause(
    "held.instance-missing",
    by_hand={Exit.ACCEPT_CURRENT: written_by_hand, Exit.RESUME: listed_again},
    afterwards=REPLACE,
)
def what_is_adopted_is_dead() -> Story:
    story = stories.seeded(exclusive=True)
    deleted(story, "KEY1")
    return adopting(story)


def rewritten(story: Story) -> None:
    """Somebody still had the right bytes."""
    handle = story.world.versions["v0"][0]
    story.world.versions["v0"] = (handle, story.world.instances[handle].secret)


def on_again(story: Story) -> None:
    undone(story)
    for instance in story.world.instances.values():
        instance.active = True


def off(story: Story, handle: str) -> None:
    story.world.emergency = True
    story.world.instances[handle].active = False


@cause("held.found-suspended", on_again, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def the_current_one_was_switched_off() -> Story:
    story = opened(exclusive=True)
    off(story, "KEY1")
    return story


@cause("held.found-suspended", on_again, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def the_new_one_was_switched_off() -> Story:
    story = opened(until="verify-live", exclusive=True)
    off(story, "KEY2")
    return story


@cause("held.found-suspended", on_again, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def what_is_adopted_is_off() -> Story:
    story = stories.seeded(exclusive=True)
    off(story, "KEY1")
    return adopting(story)


@cause("held.found-suspended", on_again, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def what_was_active_before_the_emergency_is_not_known() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    story.world.denied.add("issuer.listing")
    stories.advance_until(story, "contain")
    story.world.denied.clear()
    ask(story, "cancel")
    return story


@cause("held.live-refused", undone)
def the_service_forgot_the_new_one() -> Story:
    story = opened(until="promote", exclusive=True)
    refused(story, "KEY2")
    return story


@cause("held.live-refused", rewritten, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def what_is_adopted_does_not_log_in() -> Story:
    story = stories.seeded(exclusive=True)
    story.world.emergency = True
    story.world.versions["v0"] = ("KEY1", "not-the-secret-any-more")
    return adopting(story)


@cause("held.live-refused", undone, by_hand={Exit.ABANDON: nothing}, afterwards=REPLACE)
def the_successor_of_a_dead_one_does_not_log_in() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    story.world.emergency = True
    story.world.instances["KEY1"].active = False
    story.runner().open_replacement(STREAM, story.spec, trigger="person")
    stories.advance_until(story, "promote")
    refused(story, "KEY2")
    return story


@cause("held.probe-broken", undone, by_hand={Exit.REPLACE: None})
def the_probe_fails() -> Story:
    story = opened(**IN_PLACE)
    broken = Permanent("sim.table-dropped", "no such table")
    failing(story, "before probe.login", lambda: broken)
    return story


@cause("held.probe-broken", undone, by_hand={Exit.REPLACE: None})
def the_probe_refuses_both() -> Story:
    story = opened()
    refused(story, "KEY1", "KEY2")
    return story


@cause(
    "held.probe-broken",
    rewritten,
    by_hand={Exit.REPLACE: nothing, Exit.ABANDON: nothing},
    afterwards=REPLACE,
)
def the_one_that_is_replaced_in_place_is_dead() -> Story:
    story = opened(**IN_PLACE)
    story.world.emergency = True
    story.world.versions["v0"] = (story.world.versions["v0"][0], "not-the-secret-any-more")
    return story
