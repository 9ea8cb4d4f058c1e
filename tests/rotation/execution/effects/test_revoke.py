"""The old credential ends only by fresh evidence."""

from datetime import timedelta

import pytest

from rotation.errors import Complaint, NeedsPerson, NotYet
from rotation.execution.effects import revoke
from rotation.journal.facts import LookedBefore, Proof, Suspended
from rotation.plan import Step
from rotation.types import Death
from tests.support.acts import opened
from tests.support.effects import at, patiently


def test_the_look_records_what_it_saw() -> None:
    story = opened(until="prove-off")
    said = patiently(story, revoke.look_before_off, at(story, Step.DESTROY))
    said = LookedBefore.of(said.facts)
    assert said.current == story.rotation().new_version
    assert said.listing == ["KEY1", "KEY2"]


def test_a_pointer_that_moved_back_brings_it_back() -> None:
    story = opened(until="drain")
    story.world.move("current", "v0")
    with pytest.raises(Complaint) as caught:
        revoke.suspend(at(story, Step.SUSPEND))
    assert caught.value.code == "held.pointer-moved"


def test_what_somebody_deleted_meanwhile_is_off() -> None:
    story = opened(until="drain")
    del story.world.instances["KEY1"]
    assert Suspended.of(revoke.suspend(at(story, Step.SUSPEND)).facts).gone


def test_use_while_it_is_off_is_a_complaint() -> None:
    story = opened(until="prove-off")
    story.world.instances["KEY1"].used = story.world.now + timedelta(seconds=1)
    with pytest.raises(Complaint) as caught:
        revoke.soak(at(story, Step.SOAK))
    assert caught.value.code == "held.complaint"


def test_it_is_dead_by_a_refused_login_and_else_by_the_issuers_word() -> None:
    story = opened(until="destroy")
    story.world.now += timedelta(minutes=1)
    said = revoke.prove_dead(at(story, Step.PROVE_DEAD))
    assert Proof.of(said.facts).grade == Death.PROVED
    del story.world.versions["v0"]
    said = revoke.prove_dead(at(story, Step.PROVE_DEAD))
    assert Proof.of(said.facts).grade == Death.ASSERTED


def test_a_label_that_moved_after_the_end_needs_a_person() -> None:
    story = opened(until="soak")
    story.world.move("current", "v0")
    with pytest.raises((NeedsPerson, NotYet)) as caught:
        revoke.destroy(at(story, Step.DESTROY))
    assert caught.value.code == "held.pointer-moved-late"
