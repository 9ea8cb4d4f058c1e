"""Which instance makes room at a full issuer."""

import pytest

from rotation.errors import SlotFull
from rotation.execution.effects.free_slot import look, made
from rotation.journal.facts import Room
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at


def test_a_free_slot_needs_no_room() -> None:
    cx = at(opened(), Step.ISSUE)
    assert Room.of(look(cx, cx.listing(), ["KEY1"]).facts).spare is None


def test_at_a_full_issuer_the_best_choice_goes() -> None:
    story = opened()
    story.world.mint(by_person=True)
    cx = at(story, Step.ISSUE)
    looked = look(cx, cx.listing(), ["KEY2", "KEY1"])
    assert made(cx, looked).facts == Room(destroyed="KEY2").facts
    assert set(story.world.instances) == {"KEY1"}


def test_where_each_may_be_in_use_a_person_is_asked_with_what_is_known() -> None:
    story = opened()
    story.world.mint(by_person=True)
    cx = at(story, Step.ISSUE)
    with pytest.raises(SlotFull) as caught:
        look(cx, cx.listing(), [])
    assert "KEY1 (ours, active" in caught.value.message
    assert "KEY2 (not ours, active, never used)" in caught.value.message
