"""Other keys of the same secret."""

from dataclasses import replace

import pytest

from rotation.errors import NeedsPerson
from rotation.execution.effects.neighbours import check_stale, edited, stale_in
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at
from tests.support.simulator import SimulatedStore


def test_a_copy_of_the_old_bytes_stops_the_mint_unless_it_was_accepted() -> None:
    story = opened()
    story.world.stale = ("url", "backup")
    story.spec = replace(story.spec, keep_foreign=True)
    with pytest.raises(NeedsPerson) as caught:
        check_stale(at(story, Step.ISSUE), "v0")
    assert caught.value.code == "held.stale-copy"
    assert "under backup, url as well" in caught.value.message
    story.spec = replace(story.spec, accept_stale=("url", "backup"))
    check_stale(at(story, Step.ISSUE), "v0")


def test_where_nothing_of_others_is_kept_there_is_no_copy() -> None:
    story = opened()
    story.world.stale = ("url",)
    assert stale_in(SimulatedStore(story.world), story.spec, "v0", "KEY1") == []


def test_it_goes_on_from_what_somebody_wrote_beside_our_keys() -> None:
    story = opened()
    story.spec = replace(story.spec, keep_foreign=True)
    cx = at(story, Step.ISSUE)
    assert edited(cx, cx.store_state()) == ("v0",)
    story.world.versions["v1"] = story.world.versions["v0"]
    story.world.move("current", "v1")
    assert edited(cx, cx.store_state()) == ("v1",)
    story.world.versions["v1"] = ("KEY9", "another-credential")
    assert edited(cx, cx.store_state()) == ()
