"""Kill the runner at every boundary of every plan, with lag: 0 outages, 0 unaccounted instances."""

from datetime import timedelta

import pytest

from rotation.machine.decide import Close
from tests.crash import stories
from tests.crash.stories import Teller, seeded
from tests.support.crash import Story
from tests.support.turns import EVERY, SOME, taken

NEVER_OFF = {"chosen": True, "can_suspend": False}
"""Values that we choose, at an issuer that can only drop them for good."""

IN_PLACE = {"chosen": True, "overlap": False}
DELEGATED = {"overlap": False}
GAP_MAX = timedelta(seconds=60)
"""Without overlap: two logins spread over the settle time, a dead runner, and the longest refresh."""

STORIES: dict[str, tuple[Teller, dict[str, bool]]] = {
    "adopt": (stories.adopt, {}),
    "routine, assigned": (stories.routine, {"exclusive": True}),
    "routine, chosen": (stories.routine, {"chosen": True}),
    "first, assigned": (stories.first, {"empty": True, "exclusive": True}),
    "first, chosen": (stories.first, {"empty": True, "chosen": True}),
    "rollback after issue": (stories.rollback_after("issue"), {"exclusive": True}),
    "rollback after promote": (stories.rollback_after("promote"), {"exclusive": True}),
    "rollback after confirm": (stories.rollback_after("drain"), {"exclusive": True}),
    "rollback after suspend": (stories.rollback_after("suspend"), {"exclusive": True}),
    "rollback, chosen": (stories.rollback_after("suspend"), {"chosen": True}),
    "routine, never off": (stories.routine, NEVER_OFF),
    "routine, blind": (stories.routine, {**NEVER_OFF, "blind": True}),
    "rollback, never off": (stories.rollback_after("drain"), NEVER_OFF),
    "rollback, blind": (stories.rollback_after("drain"), {**NEVER_OFF, "blind": True}),
    "retire": (stories.retire, {}),
    "retire, never off": (stories.retire, NEVER_OFF),
    "repair": (stories.repair, {}),
    "in place": (stories.routine, IN_PLACE),
    "in place, blind": (stories.routine, {**IN_PLACE, "blind": True}),
    "in place, rolled back": (stories.rollback_before_activate, IN_PLACE),
    "delegated": (stories.routine, DELEGATED),
    "first, in place": (stories.first, {**IN_PLACE, "empty": True}),
    "first, delegated": (stories.first, {**DELEGATED, "empty": True}),
    "accept after issue": (stories.accept_current_after("issue"), {"exclusive": True}),
    "accept after confirm": (stories.accept_current_after("confirm"), {"exclusive": True}),
}


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_boundary(name: str, stride: int) -> None:
    tell, world = STORIES[name]
    clean = seeded(**world)
    assert isinstance(tell(clean), Close), clean.entries()[-3:]
    assert [*clean.violations(), *gap(clean)] == []
    boundaries = list(clean.boundaries.names)
    bad = []
    for number in taken(len(boundaries), stride, name):
        story = seeded(**world)
        story.boundaries.kill_at = frozenset({number})
        action = tell(story)
        found = [*story.violations(), *gap(story)]
        if found or not isinstance(action, Close):
            bad.append((number, boundaries[number], action, found[:2]))
    assert bad == []


def gap(story: Story) -> list[str]:
    """How long a consumer was without access, where that cannot be avoided."""
    return [f"a gap of {story.world.gap}"] if story.world.gap > GAP_MAX else []
