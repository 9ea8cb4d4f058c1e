"""What the journal holds to be true once a rotation is closed."""

import pytest

from rotation.machine.baseline import closing, left_by, outcome_baseline
from rotation.machine.replay import Outcome
from tests.support import stories
from tests.support.acts import opened
from tests.support.stories import routine, seeded


def test_before_the_first_nothing_is_known() -> None:
    assert left_by(None).facts == {}


def test_a_routine_leaves_the_new_one_alone() -> None:
    story = seeded()
    routine(story)
    left = left_by(story.rotation())
    assert (left.handle, left.live) == ("KEY2", ["KEY2"])
    assert left.version == story.world.labels["current"]
    assert closing(story.rotation(), Outcome.SUCCEEDED).rotated


def test_what_was_minted_outlives_a_rotation_that_was_given_up() -> None:
    story = opened(until="issue")
    left = outcome_baseline(story.rotation(), Outcome.ABANDONED)
    assert left.live == ["KEY1", "KEY2"]
    assert list(left.ours) == ["KEY2"]


@pytest.mark.parametrize(("outcome", "handle"), [("rolled-back", "KEY1"), ("succeeded", "KEY1")])
def test_a_baseline_names_what_readers_get(outcome: str, handle: str) -> None:
    story = opened()
    assert outcome_baseline(story.rotation(), Outcome(outcome)).handle == handle


def test_adopting_changes_no_credential() -> None:
    story = seeded()
    stories.adopt(story)
    closed = closing(story.rotation(), Outcome.SUCCEEDED)
    assert not closed.rotated
    assert left_by(story.rotation()).handle == "KEY1"
