"""Emergencies that are killed, and what is asked of them afterwards."""

from collections.abc import Callable

from rotation.machine.decide import Action, Held
from tests.support import stories
from tests.support.acts import declare
from tests.support.crash import Story
from tests.support.stories import Teller


def emergency(story: Story) -> Action:
    stories.without_faults(story, stories.adopt)
    declare(story)
    return story.drive()


def contained(story: Story) -> list[str]:
    return [str(i) for i in story.rotation().opened.facts["scope"]]  # type: ignore[union-attr]


def findings(story: Story) -> list[str]:
    """After an emergency readers move to the new one; the scope is dead."""
    world = story.world
    world.advance(world.now + world.lag * 2)
    alive = [i for i in contained(story) if i in world.instances]
    handle, secret = world.versions[world.labels["current"]]
    dead = [] if world.accepts(handle, secret) else [f"current {handle} is dead"]
    return [*(f"{i} is alive" for i in alive), *dead, *story.violations()]


def cancelled(story: Story) -> Action:
    """It was a mistake. A mint in doubt may have left an instance, and a person says whose it is."""
    stories.without_faults(story, stories.adopt)
    declare(story)
    stories.advance_until(story, "contain")
    stories.request(story, "cancel")
    action = story.drive()
    if isinstance(action, Held) and action.code == "held.unknown-instance":
        lost = next(i for i in story.world.instances if i != story.rotation().old)
        stories.request(story, "ours", instance=lost)
        action = story.drive()
    return action


def back_as_it_was(story: Story) -> list[str]:
    """The contained one works again for everybody, and nothing of the emergency is left."""
    world = story.world
    world.advance(world.now + world.lag * 2)
    world.emergency = False
    old, more = story.rotation().old, [*world.instances, *world.labels]
    expected = [old, "current"]
    return [*([] if more == expected else [f"left: {more}"]), *story.violations()]


def one_foreign(story: Story) -> Action:
    """A key that is not ours leaked; readers never had it."""
    foreign = story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    declare(story, scope=[foreign.id])
    return story.drive()


def only_contained(story: Story) -> list[str]:
    """--key-id names it: authority to contain, not to destroy; nothing is replaced."""
    story.world.emergency = False
    foreign = next(i for i in story.world.instances.values() if i.by_person)
    alive = [f"{foreign.id} is alive"] if foreign.active else []
    replaced = [] if story.world.labels["current"] == "v0" else ["replaced"]
    return [*alive, *replaced, *story.violations()]


NEVER_OFF = {"chosen": True, "can_suspend": False}


STORIES: dict[str, tuple[Teller, Callable[[Story], list[str]], dict[str, bool]]] = {
    "compromised": (emergency, findings, {"exclusive": True}),
    "compromised, chosen": (emergency, findings, {"chosen": True}),
    "compromised, never off": (emergency, findings, NEVER_OFF),
    "compromised, blind": (emergency, findings, {**NEVER_OFF, "blind": True}),
    "compromised, in place": (emergency, findings, {"chosen": True, "overlap": False}),
    "compromised, delegated": (emergency, findings, {"overlap": False}),
    "cancelled": (cancelled, back_as_it_was, {"exclusive": True}),
    "contain only": (one_foreign, only_contained, {"exclusive": True}),
}
