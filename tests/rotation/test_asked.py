"""Whether a row asked for a change: where it did not, a refusal leaves no doubt."""

from types import SimpleNamespace
from typing import Any

import pytest

from rotation.effects.context import READS, _Heard
from rotation.errors import Denied
from rotation.interfaces import DelegatedIssuer, KeepsOthers, Store

ADAPTERS: tuple[Any, ...] = (DelegatedIssuer, Store, KeepsOthers)


class Adapter:
    traits = SimpleNamespace(overlap=True)

    def listing(self) -> str:
        return "listed"

    def added_later(self) -> str:
        return "done"

    def suspend(self, *, unchanged: bool) -> None:
        denied = Denied("denied", "no")
        denied.unchanged = unchanged
        raise denied


def heard() -> tuple[Any, Any]:
    cx = SimpleNamespace(asked=False)
    return cx, _Heard(cx, Adapter())  # type: ignore[arg-type]


def test_each_read_is_one_of_an_adapter() -> None:
    assert {name for name in READS if any(hasattr(each, name) for each in ADAPTERS)} == READS


def test_what_is_read_asks_for_no_change() -> None:
    cx, adapter = heard()
    assert (adapter.traits.overlap, adapter.listing(), cx.asked) == (True, "listed", False)


def test_what_nobody_said_to_be_a_read_may_have_changed_the_world() -> None:
    cx, adapter = heard()
    assert (adapter.added_later(), cx.asked) == ("done", True)


@pytest.mark.parametrize("unchanged", [True, False])
def test_a_plain_no_to_the_only_change_leaves_no_doubt(*, unchanged: bool) -> None:
    cx, adapter = heard()
    with pytest.raises(Denied):
        adapter.suspend(unchanged=unchanged)
    assert cx.asked is not unchanged
