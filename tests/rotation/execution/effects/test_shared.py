"""Entries that log in as the same user."""

from dataclasses import replace

import pytest

from rotation.errors import NeedsPerson
from rotation.execution.effects import shared
from rotation.plan import Step
from rotation.types import Handle, Listing
from tests.support.acts import opened
from tests.support.effects import at

BOTH = Listing(handles=(Handle(id="KEY1", login="app"), Handle(id="KEY9", login="other")))


def test_only_ours_are_compared() -> None:
    cx = at(opened(), Step.ISSUE)
    assert shared.known(cx, BOTH) == ["app"]
    assert shared.look(cx, BOTH) == ["app"]


def test_another_entry_with_the_login_stops_the_mint() -> None:
    cx = replace(at(opened(), Step.ISSUE), others=lambda names: [f"{name}-2" for name in names])
    with pytest.raises(NeedsPerson) as caught:
        shared.look(cx, BOTH)
    assert caught.value.code == "held.shared-login"
    assert caught.value.message.startswith("app-2 logs in as the same user")
