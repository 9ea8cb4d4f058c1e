"""Readers are back on the old one before the new one ends."""

import pytest

from rotation.errors import NeedsPerson, Refused
from rotation.execution.effects import undo
from rotation.journal.facts import Destroyed, Resumed
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at


def test_only_what_we_suspended_is_switched_on() -> None:
    story = opened(until="suspend")
    assert not story.world.instances["KEY1"].active
    said = undo.resume_old(at(story, Step.RESUME_OLD))
    assert Resumed.of(said.facts).resumed == ["KEY1"]
    assert story.world.instances["KEY1"].active


def test_nothing_is_switched_on_that_an_emergency_marked() -> None:
    story = opened(until="suspend")
    story.world.labels["compromised"] = "v0"
    with pytest.raises(NeedsPerson) as caught:
        undo.resume_old(at(story, Step.RESUME_OLD))
    assert caught.value.code == "held.compromised"
    assert not story.world.instances["KEY1"].active


def test_readers_get_the_old_version_again() -> None:
    story = opened(until="promote")
    undo.demote(at(story, Step.DEMOTE))
    assert story.world.labels["current"] == "v0"


def test_the_new_one_ends_only_when_readers_do_not_get_it() -> None:
    story = opened(until="promote")
    with pytest.raises((NeedsPerson, Refused, AssertionError)):
        undo.destroy_new(at(story, Step.DESTROY_NEW))
    assert set(story.world.instances) == {"KEY1", "KEY2"}
    undo.demote(at(story, Step.DEMOTE))
    said = undo.destroy_new(at(story, Step.DESTROY_NEW))
    assert Destroyed.of(said.facts).destroyed == ["KEY2"]
    assert set(story.world.instances) == {"KEY1"}
