"""What works is never replaced without evidence."""

import pytest

from rotation.errors import NeedsPerson, NotYet
from rotation.execution.dead_credential import Dead
from rotation.execution.effects import replace
from rotation.journal.facts import FoundDead
from rotation.plan import Step
from tests.support.crash import Story
from tests.support.effects import at
from tests.support.stories import adopt, open_plan, seeded, without_faults


def replacing() -> Story:
    story = seeded()
    without_faults(story, adopt)
    open_plan(story, "replace")
    return story


def test_what_works_is_held() -> None:
    with pytest.raises(NeedsPerson) as caught:
        replace.find_dead(at(replacing(), Step.FIND_DEAD))
    assert caught.value.code == "held.not-dead"


def test_what_is_gone_is_dead_at_once() -> None:
    story = replacing()
    del story.world.instances["KEY1"]
    said = FoundDead.of(replace.find_dead(at(story, Step.FIND_DEAD)).facts)
    assert (said.dead, said.handle, said.version) == (Dead.GONE, "KEY1", "v0")


def test_one_refused_login_is_tried_again() -> None:
    story = replacing()
    story.world.probed = lambda handle, secret: False
    cx = at(story, Step.FIND_DEAD)
    with pytest.raises(NotYet) as wait:
        replace.find_dead(cx)
    cx.state.facts |= wait.value.observed or {}
    story.world.now = wait.value.until
    assert FoundDead.of(replace.find_dead(cx).facts).dead == Dead.REFUSED
