"""What the entries of a whole rotation say is read by the records, each key by its name."""

from rotation.journal import facts as module
from rotation.journal.entries import Kind
from rotation.journal.facts import Closed, Opened, baseline_of
from rotation.journal.record import Record
from tests.support.stories import routine, seeded

RECORDS = [
    each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Record)
]


def test_no_key_of_a_rotation_is_without_its_record() -> None:
    story = seeded()
    routine(story)
    known = {"next"}.union(*(record.keys for record in RECORDS))
    for entry in story.entries():
        assert entry.facts.keys() <= known, entry.kind


def test_a_rotation_begins_and_ends_with_a_baseline() -> None:
    story = seeded()
    routine(story)
    opened = [entry for entry in story.entries() if entry.kind is Kind.OPENED]
    closed = [entry for entry in story.entries() if entry.kind is Kind.CLOSED]
    assert [Opened.of(entry.facts).plan for entry in opened] == ["adopt", "routine"]
    assert [Closed.of(entry.facts).rotated for entry in closed] == [False, True]
    assert baseline_of(closed[0]).facts == baseline_of(opened[1]).facts
    assert baseline_of(closed[1]).handle == "KEY2"
