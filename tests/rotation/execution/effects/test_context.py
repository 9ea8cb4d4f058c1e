"""What an effect is given."""

import pytest

from rotation.plan import Step
from rotation.types import Listing
from tests.support.acts import opened
from tests.support.effects import at


def test_the_time_of_a_provider_is_kept_from_its_answers() -> None:
    story = opened()
    cx = at(story, Step.ISSUE)
    assert cx.server_at is None
    before = story.world.now
    cx.store_state()
    assert before <= cx.server_at <= story.world.now


def test_an_issuer_that_does_not_list_is_not_asked() -> None:
    story = opened()
    story.world.blind = True
    before = len(story.world.calls)
    assert at(story, Step.ISSUE).listing() == Listing(handles=())
    assert len(story.world.calls) == before


def test_there_is_no_new_one_before_it_was_issued() -> None:
    with pytest.raises(AssertionError):
        at(opened(), Step.ISSUE).new()
    cx = at(opened(until="issue"), Step.VERIFY)
    assert (cx.new(), cx.new_version()) == (cx.rotation.new, cx.rotation.new_version)


def test_a_row_of_a_consumer_is_about_that_consumer() -> None:
    cx = at(opened(), Step.DELIVER, "consumer:batch")
    assert cx.consumer is cx.bound.consumers["batch"]
