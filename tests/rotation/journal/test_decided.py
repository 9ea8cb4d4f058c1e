"""What a runner decided is in the entry that it wrote with it."""

from rotation.journal.decided import Decided, decided_in
from rotation.journal.entries import Kind
from tests.support.acts import ask, opened


def test_each_entry_of_a_runner_says_how_it_goes_on() -> None:
    story = opened()
    [first] = story.journal.entries("simulated-app")
    decided = decided_in(first)
    assert decided is not None
    assert (decided.phase, decided.row) == ("create", "issue")
    assert not decided.has(Decided.until)


def test_a_persons_entry_decides_nothing() -> None:
    story = opened()
    ask(story, "hold", reason="ask Kim")
    last = story.journal.entries("simulated-app")[-1]
    assert last.kind is Kind.REQUESTED
    assert decided_in(last) is None
