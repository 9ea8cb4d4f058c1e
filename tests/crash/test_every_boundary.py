"""Kill the runner at every boundary of every plan, with lag: 0 outages, 0 unaccounted instances."""

import pytest

from rotation.machine.decide import Close
from tests.support.stories import STORIES, gap, seeded
from tests.support.turns import EVERY, SOME, taken


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
