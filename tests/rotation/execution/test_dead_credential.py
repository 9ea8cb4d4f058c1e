"""One look at store, issuer and probe tells whether the current credential is dead."""

from collections.abc import Callable

import pytest

from rotation.errors import Transient
from rotation.execution.dead_credential import Dead, Found, look
from tests.support.acts import failing
from tests.support.crash import Story
from tests.support.simulator import bound
from tests.support.stories import seeded
from tests.support.world import World


def looked(story: Story) -> Found:
    there = bound(story.world)
    state, listing = there.store.state(), there.issuer.listing()
    return look(there, ("v0", "KEY1"), state, listing, story.world.now)


def nothing(world: World) -> None:
    """It works."""


def gone(world: World) -> None:
    del world.instances["KEY1"]


def suspended(world: World) -> None:
    world.instances["KEY1"].active = False


def overwritten(world: World) -> None:
    world.versions["v0"] = ("KEY1", "another-secret")


def lost(world: World) -> None:
    del world.versions["v0"]


@pytest.mark.parametrize(
    ("act", "dead"),
    [
        (nothing, None),
        (gone, Dead.GONE),
        (suspended, Dead.SUSPENDED),
        (overwritten, Dead.REFUSED),
        (lost, Dead.LOST),
    ],
)
def test_why_it_is_dead(act: Callable[[World], None], dead: Dead | None) -> None:
    story = seeded()
    act(story.world)
    found = looked(story)
    assert (found.version, found.handle, found.dead) == ("v0", "KEY1", dead)


def test_a_service_that_does_not_answer_shows_nothing() -> None:
    story = seeded()
    failing(story, "before probe.login", lambda: Transient("x.away", "no answer"))
    with pytest.raises(Transient):
        looked(story)
