"""Keyed JSON that an earlier and a later version can read."""

from dataclasses import dataclass, field

import pytest

from rotation.journal.keyed import keyed, record


@dataclass(frozen=True)
class Kept:
    name: str
    count: int = 1
    notes: list[str] = field(default_factory=list)


def test_it_is_read_as_it_was_kept() -> None:
    kept = Kept("one", 2, ["x"])
    assert record(Kept, keyed(kept)) == kept


def test_a_default_is_not_written() -> None:
    assert keyed(Kept("one")) == {"name": "one"}


def test_a_key_of_a_later_version_is_ignored_and_a_missing_one_has_its_default() -> None:
    assert record(Kept, {"name": "one", "colour": "red"}) == Kept("one")
    with pytest.raises(TypeError):
        record(Kept, {"count": 2})
