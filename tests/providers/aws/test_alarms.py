"""What rings, and what does not: the attacks, and thirty ordinary days of a busy account."""

import random
from typing import Any

import pytest

from providers.aws.alarms import Alarm, alarms
from providers.aws.testing.bus import hears
from tests.providers.aws.trail import (
    ACCOUNT,
    HOME,
    IAM,
    ROOT,
    STRANGER,
    Event,
    by_role,
    by_user,
    call,
)
from tests.support.aws_alarms import ADMIN, ATTACKS, DAYS, TRAIL, denied, move, secret, watched
from tests.support.aws_policies import parts, scope


def rung(event: Event, rules: tuple[Alarm, ...]) -> set[str]:
    return {
        each.name
        for each in rules
        if each.region == event["region"] and hears(each.pattern, each.state, event)
    }


@pytest.mark.parametrize("count", [1, 400])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_rings(attack: str, count: int) -> None:
    alarm, event = ATTACKS[attack]
    assert rung(event, watched(count)) == {alarm}


def test_each_alarm_has_an_attack_that_rings_it() -> None:
    assert {each.name for each in watched()} == {alarm for alarm, _ in ATTACKS.values()}


@pytest.mark.parametrize("people", [{"runner": None, "deployer": None}, {
    "runner": f"arn:aws:iam::{ACCOUNT}:user/runner",
    "deployer": f"arn:aws:iam::{ACCOUNT}:user/deployer",
}])  # fmt: skip
@pytest.mark.parametrize("by", [by_role(ADMIN), by_user("eve"), ROOT, STRANGER])
def test_whoever_the_stack_and_the_runner_are_others_ring(
    by: dict[str, Any], people: dict[str, str | None]
) -> None:
    given = watched(**people)
    assert rung(secret("DeleteResourcePolicy", by), given) == {"secret-changed"}
    assert rung(move(by), given) == {"version-moved"}


def test_base_credentials_of_a_user_ring_too() -> None:
    given = watched(runner=f"arn:aws:iam::{ACCOUNT}:user/runner")
    assert rung(denied("iam:ListUsers", by_user("runner"), IAM), given) == {"runner-denied"}


def test_a_trail_that_was_there_already_rings_in_place_of_the_stacks() -> None:
    there = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/company"
    given = watched(alarm_trail=there)
    for name, alarm in (("company", "watch-changed"), (there, "watch-changed"), (TRAIL, "")):
        stopped = call("cloudtrail:StopLogging", by_role(ADMIN), name=name)
        assert rung(stopped, given) == {alarm} - {""}, name


def test_without_a_role_there_is_nobody_to_watch() -> None:
    assert not list(alarms(scope(parts("app"))))


# ------------------------------------------------------------------------------ a quiet month


@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_ordinary_days_do_not_ring(seed: int) -> None:
    chance, rules = random.Random(seed), watched()  # noqa: S311 -- an ordinary month, again and again
    month = [event for _ in range(30) for day in DAYS for event in day(chance)]
    assert len(month) > 3_000
    assert [(event, found) for event in month if (found := rung(event, rules))] == []
