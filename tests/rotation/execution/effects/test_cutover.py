"""What is tried before the new one ends the old one."""

import pytest

from rotation.errors import NeedsPerson
from rotation.execution.effects.cutover import check_before, look_activate
from rotation.plan import Step
from rotation.types import Verdict
from tests.support.acts import opened
from tests.support.effects import at


def test_where_all_is_well_nothing_is_recorded() -> None:
    assert look_activate(at(opened(chosen=True, overlap=False), Step.ISSUE)).facts == {}


def test_a_right_that_is_missing_later_is_missed_now() -> None:
    story = opened()
    story.world.missing = ["promote:PutSecretValue"]
    cx = at(story, Step.ISSUE)
    with pytest.raises(NeedsPerson) as caught:
        check_before(cx, cx.store_state())
    assert caught.value.code == "held.denied"
    assert "PutSecretValue" in caught.value.message


@pytest.mark.parametrize(
    ("says", "code"),
    [(Verdict.REFUSED, "held.probe-broken"), (Verdict.ACCEPTED, "held.probe-meaningless")],
)
def test_a_probe_that_always_says_the_same_shows_nothing(says: Verdict, code: str) -> None:
    story = opened()
    story.world.probed = lambda handle, secret: says is Verdict.ACCEPTED
    cx = at(story, Step.ISSUE)
    with pytest.raises(NeedsPerson) as caught:
        check_before(cx, cx.store_state())
    assert caught.value.code == code


def test_in_doubt_there_is_only_the_way_forward() -> None:
    story = opened(chosen=True, overlap=False)
    cx = at(story, Step.ISSUE)
    cx.in_doubt = True
    story.world.claim = "somebody-else"
    assert look_activate(cx).facts == {}
