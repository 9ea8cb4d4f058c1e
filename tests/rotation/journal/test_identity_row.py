"""The row that a rotation leaves, from its entries alone."""

from datetime import timedelta

from rotation.journal.identity_row import AT_ONCE, identity_row, standing
from rotation.machine.decide import Held
from tests.support.acts import ask, opened
from tests.support.crash import STREAM, Story
from tests.support.stories import rollback_after, routine, seeded


def row(story: Story) -> object:
    return identity_row(tuple(story.journal.entries(STREAM)), story.journal.identity(STREAM))


def test_it_is_the_row_that_was_kept_up() -> None:
    story = opened(until="issue")
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert (kept.plan, kept.handle, kept.unverified) == ("routine", "KEY1", False)
    assert row(story) == kept


def test_a_wait_is_its_next_time_and_a_persons_word_ends_it() -> None:
    story = opened(until="deliver")
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert kept.wake_at is not None
    assert kept.wake_at > story.world.now - timedelta(hours=1)
    ask(story, "rollback")
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert kept.wake_at == AT_ONCE


def test_a_hold_and_its_release_are_kept_beside_what_was_decided() -> None:
    story = opened()
    story.world.claim = "somebody-else"
    assert isinstance(story.drive(), Held)
    ask(story, "hold", reason="ask Kim")
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert (kept.held, kept.on_hold) == ("held.claim-foreign", True)
    assert standing(story.journal.entries(STREAM)).decided.held == "held.claim-foreign"
    ask(story, "release")
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert (kept.held, kept.on_hold) == ("held.claim-foreign", False)


def test_what_came_of_it_is_counted() -> None:
    story = seeded()
    rollback_after("promote")(story)
    kept = story.journal.identity(STREAM)
    assert kept is not None
    assert (kept.plan, kept.last_outcome, kept.rollbacks) == (None, "rolled-back", 1)
    again = seeded()
    routine(again)
    kept = again.journal.identity(STREAM)
    assert kept is not None
    assert (kept.last_success_at, kept.rollbacks) == (kept.last_closed_at, 0)
