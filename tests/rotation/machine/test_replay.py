"""A rotation, folded from its entries."""

from collections.abc import Callable

import pytest

from rotation.errors import JournalError
from rotation.machine import replay as module
from rotation.machine.replay import Mode, Outcome, Replayed, replay
from rotation.plan import Step
from tests.support import stories
from tests.support.acts import ask, opened
from tests.support.crash import STREAM
from tests.support.stories import routine, seeded


def test_each_prefix_folds_and_knows_no_later_entry() -> None:
    story = seeded()
    routine(story)
    entries = story.journal.entries(STREAM)
    for length in range(1, len(entries)):
        part = replay(entries[:length])
        assert part.outcome is None
        assert part.last == entries[length - 1]
    assert replay(entries).outcome == Outcome.SUCCEEDED


def test_no_entries_are_a_damaged_journal() -> None:
    with pytest.raises(JournalError):
        replay([])


def test_the_same_entries_are_folded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    story = opened(until="issue")
    folds: list[int] = []
    fold: Callable[..., object] = module._fold
    monkeypatch.setattr(module, "_fold", lambda entries: (folds.append(1), fold(entries))[1])
    folded, entries = Replayed(), story.journal.entries(STREAM)
    assert folded(entries) is folded(entries)
    assert len(folds) == 1


def test_a_persons_words_change_its_way() -> None:
    story = opened(until="issue")
    ask(story, "hold", reason="ask Kim")
    assert story.rotation().on_hold == "ask Kim"
    ask(story, "release")
    assert story.rotation().on_hold is None
    ask(story, "rollback")
    assert story.rotation().mode is Mode.UNDO


def test_what_was_minted_is_known_from_the_entries_alone() -> None:
    story = opened(until="issue")
    rotation = replay(story.journal.entries(STREAM))
    assert (rotation.old, rotation.new) == ("KEY1", "KEY2")
    assert rotation.state(Step.ISSUE).done
    assert not rotation.done(Step.DESTROY)


def test_adopting_ends_with_a_baseline() -> None:
    story = seeded()
    stories.adopt(story)
    assert story.rotation().result.handle == "KEY1"
