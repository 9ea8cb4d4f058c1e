"""What readers get logs in, and the old one is quiet before anything happens to it."""

from datetime import timedelta

import pytest

from rotation.errors import NeedsPerson, NotYet
from rotation.execution.effects.verify import check_grace, drain, straggler, verify_live
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at, patiently


def test_what_readers_get_is_tried_by_its_recorded_version() -> None:
    story = opened(until="promote")
    story.world.instances[str(story.rotation().new)].active = False
    story.world.instances[str(story.rotation().new)].changed = story.world.now - timedelta(hours=1)
    with pytest.raises(NeedsPerson) as caught:
        patiently(story, verify_live, at(story, Step.VERIFY_LIVE))
    assert caught.value.code == "held.found-suspended"


def test_the_grace_counts_from_the_last_delivery() -> None:
    story = opened(until="deliver")
    with pytest.raises(NotYet) as wait:
        check_grace(at(story, Step.DRAIN))
    story.world.now = wait.value.until
    check_grace(at(story, Step.DRAIN))


def test_without_a_reader_nothing_shows_that_anybody_moved() -> None:
    story = opened(until="deliver")
    cx = at(story, Step.DRAIN)
    object.__setattr__(cx.spec, "consumers", ())
    with pytest.raises(NeedsPerson) as caught:
        drain(cx)
    assert caught.value.code == "held.no-consumers"


def test_a_straggler_is_told_with_the_moment_from_which_it_counts_as_quiet() -> None:
    story = opened()
    now = story.world.now
    said = straggler(at(story, Step.DRAIN), "KEY1", now, now + timedelta(hours=1))
    assert (said.code, "2026-01-01 01:00:0" in said.hint) == ("held.straggler", True)
