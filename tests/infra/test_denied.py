"""A right that goes missing in the middle of a rotation: it is held where it stands, readers have
what works, and it goes on once the right is back. What `doctor` does not see, this is for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rotation.operations.preflight import steps_under
from rotation.types import PermissionSet
from tests.infra import evaluation
from tests.infra.story import Installation, installed, unnamed_steps

pytestmark = pytest.mark.timeout(300)

NAME, STORE, USER = "billing-iam", "prod/billing/iam", "billing"
READ, PUT, MOVE, TAG = (
    f"secretsmanager:{call}"
    for call in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "TagResource")
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One secret that rotates, one that is still empty and unclaimed."""
    directory = tmp_path_factory.mktemp("denied")
    with evaluation.running() as evaluator, installed(directory, evaluator) as made:
        made.be("engineer")
        made.rotation("create", NAME, "--wait")
        yield made


def held(made: Installation, taken: tuple[str, str], *words: str) -> dict[str, Any]:
    """Where it is held without that action of that set."""
    made.guard.without = taken
    try:
        made.rotation(*words, expected=(11, 12))
    finally:
        made.guard.without = None
    name = words[1]
    [found] = json.loads(made.rotation("status", name, "-o", "json"))["secrets"]
    assert found["held"] == "held.denied"
    return dict(found)


def readers_can_log_in(made: Installation) -> bool:
    value = json.loads(made.aws.control.oracle.value(STORE) or "{}")
    return made.aws.control.oracle.accepts(value["access_key_id"], value["secret_access_key"])


def keys(made: Installation) -> dict[str, str]:
    return {key["AccessKeyId"]: key["Status"] for key in made.aws.control.oracle.keys(USER)}


@pytest.mark.parametrize(
    ("under", "action", "row", "left"),
    [
        ("observe", "iam:ListAccessKeys", "issue", ["Active"]),
        ("mint", "iam:CreateAccessKey", "issue", ["Active"]),
        ("mint", PUT, "issue", ["Active"]),  # minted, not staged, and removed at once
        ("mint", "kms:GenerateDataKey", "issue", ["Active"]),
        ("verify", READ, "verify", ["Active", "Active"]),
        ("promote", MOVE, "promote", ["Active", "Active"]),
        ("deliver", READ, "deliver[consumer:api]", ["Active", "Active"]),
        ("revoke", "iam:UpdateAccessKey", "suspend", ["Active", "Active"]),
        # The other keys of the secret are searched for the old bytes before anything is minted.
        ("prove", READ, "issue", ["Active"]),
        ("revoke", "iam:DeleteAccessKey", "destroy", ["Inactive", "Active"]),
    ],
)
def test_a_rotation_is_held_in_its_last_safe_state(
    running: Installation, under: str, action: str, row: str, left: list[str]
) -> None:
    running.be("runner")
    [old] = keys(running)
    found = held(running, (under, action), "rotate", NAME, "--wait")
    assert found["row"] == row
    assert row.partition("[")[0] in steps_under(PermissionSet(under)), "as doctor would have said"
    assert readers_can_log_in(running)
    assert keys(running)[old] == left[0]
    assert list(keys(running).values()) == left
    running.rotation("resume", NAME, "--wait")
    [new] = keys(running)
    assert new != old
    assert readers_can_log_in(running)


def test_a_person_may_also_send_it_back(running: Installation) -> None:
    running.be("runner")
    [old] = keys(running)
    held(running, ("revoke", "iam:UpdateAccessKey"), "rotate", NAME, "--wait")
    running.rotation("rollback", NAME, "-y", "--wait")
    assert keys(running) == {old: "Active"}
    assert readers_can_log_in(running)
    undone = {"demote", "deliver-old", "destroy-new", "discard-new"}
    assert undone <= set().union(*running.guard.steps.values())
    assert unnamed_steps(running.guard) == {}


def test_an_emergency_that_may_not_contain_is_held_and_says_so(running: Installation) -> None:
    running.be("runner")
    words = ("emergency", NAME, "-y", "--reason", "a drill")
    found = held(running, ("contain", "iam:UpdateAccessKey"), *words)
    assert found["row"] == "contain"
    assert list(keys(running).values()) == ["Active"]
    running.rotation("resume", NAME, "--wait")
    assert readers_can_log_in(running)


def test_a_person_who_may_not_claim_makes_nothing(running: Installation) -> None:
    running.aws.control.out_of_band.untag_secret("prod/orders/token", ["rotation:owner"])
    running.be("engineer")
    found = held(running, ("claim", TAG), "create", "orders-token", "--wait")
    assert found["row"] == "place"
    assert running.aws.control.oracle.versions("prod/orders/token") == {}
    running.rotation("resume", "orders-token", "--wait")
    assert "AWSCURRENT" in running.aws.control.oracle.labels("prod/orders/token")
