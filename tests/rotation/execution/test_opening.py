"""What forbids a rotation, and what outlives the one before."""

import pytest

from rotation.errors import PolicyRefusal, RotationError, UsageError
from rotation.execution import opening
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Baseline
from rotation.plan import PLANS
from tests.support import stories
from tests.support.acts import ask, declare
from tests.support.crash import Story
from tests.support.stories import adopt, seeded, without_faults


def adopted() -> Story:
    story = seeded()
    without_faults(story, adopt)
    return story


def code(refuses: type[RotationError], *call: object) -> str:
    act, *arguments = call
    with pytest.raises(refuses) as caught:
        act(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_a_hold_outlives_its_rotation() -> None:
    story = adopted()
    opening.refuse_on_hold(story.rotation(), story.spec)
    stories.open_plan(story, "routine")
    ask(story, "hold", reason="ask Kim")
    ask(story, "abandon")
    story.drive()
    refused = code(PolicyRefusal, opening.refuse_on_hold, story.rotation(), story.spec)
    assert refused == "rotation.on-hold"


def test_what_ends_the_current_one_has_to_know_it() -> None:
    spec = seeded().spec
    opening.refuse_unknown_credential(PLANS["routine"], Baseline(handle="KEY1"), spec)
    opening.refuse_unknown_credential(PLANS["adopt"], Baseline(), spec)
    refused = (UsageError, opening.refuse_unknown_credential, PLANS["routine"], Baseline(), spec)
    assert code(*refused) == "rotation.unknown-credential"


def test_an_emergency_makes_its_own_successor() -> None:
    story = adopted()
    opening.refuse_emergency(story.rotation(), story.spec)
    declare(story)
    refused = code(PolicyRefusal, opening.refuse_emergency, story.rotation(), story.spec)
    assert refused == "replace.emergency"


def test_an_open_one_is_closed_before_the_next_begins() -> None:
    story = adopted()
    draft = Draft(kind=Kind.OPENED, who="tester", facts={})
    assert [each.kind for each in opening.over(None, draft)] == [Kind.OPENED]
    assert [each.kind for each in opening.over(story.rotation(), draft)] == [Kind.OPENED]
    stories.open_plan(story, "routine")
    both = [each.kind for each in opening.over(story.rotation(), draft)]
    assert both == [Kind.CLOSED, Kind.OPENED]
