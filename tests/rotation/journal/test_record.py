"""A typed view of an entry's facts."""

from datetime import UTC, datetime

import pytest

from rotation.journal.record import Count, Flag, Moment, Names, OneOrMore, Record, Text

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Kind(Record):
    name: Text = Text()
    at: Moment = Moment()
    sure: Flag = Flag()
    many: Names = Names()
    few: OneOrMore = OneOrMore()
    count: Count = Count("number")


def test_it_is_read_as_it_was_written() -> None:
    said = Kind(name="app", at=NOON, sure=True, many=("a", "b"), few="a", count=2)
    read = Kind.of(dict(said.facts))
    assert (read.name, read.at, read.sure, read.many) == ("app", NOON, True, ["a", "b"])
    assert (read.few, read.count, said.facts["number"]) == (["a"], 2, 2)


def test_what_is_not_there_is_empty_and_writes_no_key() -> None:
    assert Kind().facts == {}
    assert not Kind()
    nothing = Kind()
    assert (nothing.name, nothing.at, nothing.sure, nothing.many) == (None, None, False, [])


def test_a_value_of_another_type_is_not_there() -> None:
    odd = Kind.of({"name": 1, "at": 2, "sure": "yes", "many": "a"})
    assert (odd.name, odd.at, odd.sure, odd.many) == (None, None, False, [])


def test_a_null_takes_back_what_was_said() -> None:
    later = Kind(name="app", count=1) | Kind(name=None)
    assert (later.name, later.has(Kind.name), later.count) == (None, True, 1)


def test_a_key_of_another_version_survives_and_only_leaves_by_name() -> None:
    both = Kind.of({"name": "app", "colour": "red"})
    assert (both | Kind(sure=True)).facts["colour"] == "red"
    assert Kind.only(both.facts).facts == {"name": "app"}


def test_an_entry_is_never_changed() -> None:
    with pytest.raises(AttributeError):
        Kind(name="app").name = "other"
