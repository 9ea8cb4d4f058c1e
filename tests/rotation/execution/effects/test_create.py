"""A new credential is minted, staged and tried before any reader can get it."""

from dataclasses import replace

import pytest

from rotation.errors import NeedsPerson
from rotation.execution.effects import create
from rotation.journal.facts import Issued, Verified, Written
from rotation.plan import Step
from rotation.types import mark
from tests.support.acts import opened
from tests.support.effects import ATTEMPT, at, patiently
from tests.support.stories import open_plan, seeded
from tests.support.world import INSTALLATION


def test_the_look_names_what_was_there_and_changes_nothing() -> None:
    story = opened()
    before = len(story.world.calls)
    assert Issued.of(create.look_issue(at(story, Step.ISSUE)).facts).inventory == ["KEY1"]
    assert set(story.world.calls[before:]) <= {"issuer.listing", "store.state"}


def test_it_is_noted_before_it_is_staged() -> None:
    story = opened()
    noted: list[Issued] = []
    cx = at(story, Step.ISSUE)
    cx = replace(cx, looked=create.look_issue(cx), note=noted.append)
    said = Issued.of(create.issue(cx).facts)
    assert [each.new for each in noted] == [said.new] == ["KEY2"]
    assert said.new_version == story.world.labels["pending"] == mark(INSTALLATION, ATTEMPT)
    assert story.world.labels["current"] == "v0"


def test_an_answer_that_names_the_old_one_is_refused() -> None:
    story = opened()
    story.world.minted = 0  # the next one has the old one's name
    cx = at(story, Step.ISSUE)
    cx = replace(cx, looked=create.look_issue(cx))
    with pytest.raises(NeedsPerson) as caught:
        create.issue(cx)
    assert caught.value.code == "held.replaced-in-place"
    assert "pending" not in story.world.labels


def test_exactly_what_was_staged_logs_in() -> None:
    story = opened(until="issue")
    cx = at(story, Step.VERIFY)
    said = patiently(story, create.verify, cx)
    assert Verified.of(said.facts).version == cx.new_version()


def test_a_probe_that_accepts_everything_verifies_nothing() -> None:
    story = opened(until="verify")
    story.world.probed = lambda handle, secret: True
    with pytest.raises(NeedsPerson) as caught:
        create.verify(at(story, Step.VERIFY))
    assert caught.value.code == "held.probe-meaningless"


def test_a_first_value_needs_an_empty_secret() -> None:
    story = seeded(empty=True)
    open_plan(story, "first")
    placed = Written.of(create.place(at(story, Step.PLACE)).facts).version
    assert story.world.labels["current"] == placed == mark(INSTALLATION, ATTEMPT)
    story.world.versions["v9"] = ("KEY9", "another")
    story.world.move("current", "v9")
    with pytest.raises(NeedsPerson) as caught:
        create.place(at(story, Step.PLACE))
    assert caught.value.code == "held.not-empty"
