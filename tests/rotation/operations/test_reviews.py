"""Owners' reviews: asked for, signed, late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.e2e.installation import Installation
from tests.support.aged import aws, one, run
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures
from tests.support.receiver import receiving, webhook


def test_an_owner_s_review_is_asked_for_signed_and_due_again(one: Installation) -> None:
    one.write(extra="reviews: {every: 30d, within: 5d}")
    (at_first,) = reply(one.configuration, "review")["reviews"]
    assert at_first["state"] == "never"
    for days, state in ((24, "never"), (26, "open"), (31, "overdue")):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
            (never,) = reply(one.configuration, "review")["reviews"]
            assert never["state"] == state, "nobody has to ask for the first one"
    run(one, "review", "start", "team", "--within", "2d")
    (asked,) = reply(one.configuration, "review")["reviews"]
    assert asked["state"] == "open"
    run(one, "review", "sign", "team", "--note", "all of it is used")
    (signed,) = reply(one.configuration, "review")["reviews"]
    assert (signed["state"], signed["note"]) == ("signed", "all of it is used")
    for days, state in ((24, "signed"), (26, "open"), (31, "overdue")):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
            (later,) = reply(one.configuration, "review")["reviews"]
            assert later["state"] == state
    assert "error:" in run(one, "review", "sign", "nobody", "--note", "x", code=6)


@pytest.mark.provokes("review-overdue")
def test_a_review_that_is_not_signed_in_time_is_an_alert(one: Installation, tmp_path: Path) -> None:
    with receiving() as receiver:
        route = webhook(receiver, tmp_path)
        one.write(extra="alerts: {routes: [{id: oncall, type: webhook, "
                        f"url: {route.url}, secret: {route.secret}}}]}}")  # fmt: skip
        run(one, "rotate", "app", "--wait")
        run(one, "review", "start", "--within", "1d")
        run(one, "run")
        with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
            run(one, "run")
            assert ("review-overdue", "raised") in receiver.received
            said = next(e["data"] for e in receiver.got if e["data"]["event"] == "review-overdue")
            assert said["next"] == 'rotation review sign team --note "..."'
            run(one, "review", "sign", "team", "--note", "all of it is used")
            run(one, "run")
        assert ("review-overdue", "resolved") in receiver.received
