"""Readers get the new version, and somebody shows that they have it."""

from datetime import timedelta

import pytest

from rotation.errors import NeedsPerson, NotYet, Refused
from rotation.execution.effects import propagate
from rotation.journal.facts import Confirmed
from rotation.plan import Step
from rotation.types import Evidence
from tests.support.acts import opened
from tests.support.effects import at


def test_what_was_verified_long_ago_is_tried_again_before_anybody_gets_it() -> None:
    story = opened(until="verify")
    new = story.rotation().new
    story.world.now += propagate.VERIFY_AGE_MAX + timedelta(seconds=1)
    story.world.instances[str(new)].active = False
    story.world.instances[str(new)].changed = story.world.now - timedelta(hours=1)
    with pytest.raises(Refused) as caught:
        propagate.promote(at(story, Step.PROMOTE))
    assert caught.value.code == "verify.refused"
    assert "store.promote" not in story.world.calls[-2:]


def test_a_promotion_moves_readers_to_the_verified_version() -> None:
    story = opened(until="verify")
    cx = at(story, Step.PROMOTE)
    propagate.promote(cx)
    assert story.world.labels["current"] == cx.new_version()


def test_a_delivery_is_evidence_and_a_reader_has_its_time() -> None:
    story = opened(until="promote")
    batch = at(story, Step.CONFIRM, "consumer:batch")
    assert Confirmed.of(propagate.confirm(batch).facts).evidence == Evidence.ACKNOWLEDGED
    api = at(story, Step.CONFIRM, "consumer:api")
    with pytest.raises(NotYet):
        propagate.confirm(api)
    story.world.now += timedelta(seconds=31)
    assert Confirmed.of(propagate.confirm(api).facts).evidence == Evidence.USAGE


def test_without_evidence_both_stay_alive() -> None:
    story = opened(until="promote")
    story.world.blind = True
    with pytest.raises(NeedsPerson) as caught:
        propagate.confirm(at(story, Step.CONFIRM, "consumer:api"))
    assert caught.value.code == "held.no-evidence"
