"""What outlived its rotation, as a baseline keeps it."""

from rotation.journal.facts import Baseline
from rotation.machine.leftover import Leftover, as_kept, leftovers_of

LEFT = {"KEY2": Leftover("v1", served=True), "KEY1": Leftover()}


def test_it_is_read_as_it_was_kept() -> None:
    assert leftovers_of(Baseline(ours=as_kept(LEFT))) == LEFT
    assert leftovers_of(Baseline()) == {}


def test_only_what_is_said_is_kept() -> None:
    assert as_kept(LEFT) == {"KEY1": {}, "KEY2": {"version": "v1", "served": True}}


def test_a_pair_of_an_earlier_version_is_read() -> None:
    assert leftovers_of(Baseline(ours={"KEY2": ["v1", True]})) == {"KEY2": LEFT["KEY2"]}
