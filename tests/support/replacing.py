"""Accidents that a replacement repairs."""

from collections.abc import Callable

from rotation.machine.decide import Action
from rotation.types import CURRENT
from tests.support import stories
from tests.support.crash import Story
from tests.support.stories import IN_PLACE, NEVER_OFF
from tests.support.world import World

Accident = Callable[[World], None]


def gone(world: World) -> None:
    world.instances.pop("KEY1")


def suspended(world: World) -> None:
    world.instances["KEY1"].active = False


def overwritten(world: World) -> None:
    """The instance lives, and the store has other bytes: somebody's memory may have the real ones."""
    world.versions["v0"] = ("KEY1", "not-the-secret-any-more")


def lost(world: World) -> None:
    del world.versions["v0"]


def another(world: World) -> None:
    """Somebody wrote a value over ours that nobody accepts; ours is as alive as it was."""
    world.versions["v1"] = ("KEY9", "of-another-place")
    world.move(CURRENT, "v1")


ACCIDENTS: dict[str, tuple[Accident, dict[str, bool]]] = {
    "gone": (gone, {"exclusive": True}),
    "gone, chosen": (gone, {"chosen": True}),
    "gone, in place": (gone, IN_PLACE),
    "suspended": (suspended, {"exclusive": True}),
    "suspended, numbered": (suspended, {"exclusive": True, "numbered": True}),
    "overwritten": (overwritten, {"exclusive": True}),
    "overwritten, never off": (overwritten, NEVER_OFF),
    "overwritten, blind": (overwritten, {**NEVER_OFF, "blind": True}),
    "overwritten, in place": (overwritten, IN_PLACE),
    "overwritten, delegated": (overwritten, {"overlap": False}),
    "lost": (lost, {"exclusive": True}),
    "lost, blind": (lost, {**NEVER_OFF, "blind": True}),
    "lost, in place": (lost, IN_PLACE),
    "lost, numbered": (lost, {"exclusive": True, "numbered": True}),
    "another's": (another, {"exclusive": True}),
    "another's, numbered": (another, {"exclusive": True, "numbered": True}),
    "another's, blind": (another, {**NEVER_OFF, "blind": True}),
    "another's, in place": (another, IN_PLACE),
}


def replaced(story: Story, accident: Accident) -> Action:
    return stories.replaced(lambda story: accident(story.world))(story)


def findings(story: Story) -> list[str]:
    """Every reader has a working credential, even a late one; any failure after this is an outage."""
    world = story.world
    world.advance(world.now + world.lag * 20)
    world.emergency = False
    world.outages.clear()
    handle, secret = world.versions[world.labels["current"]]
    dead = [] if world.accepts(handle, secret) else [f"current {handle} is dead"]
    return [*dead, *story.violations()]
