"""Both forms of a policy, exact and by path and tag, decided by the independent evaluator."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.preflight import check
from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from rotation.interfaces import Part, Scope
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet
from tests.infra import evaluation
from tests.infra.evaluation import Evaluator, Question
from tests.support.aws_policies import ACCOUNT, HOME, INSTALLATION, parts, rendered, scope

TAG = "aws:ResourceTag/rotation:"


def fleet(count: int) -> Scope:
    """Two applications in production, one of them in test as well."""
    secrets: list[list[Part]] = [
        parts(f"s{n}", application=application, environment=environment, prefix="apps/")
        for n in range(count)
        for application, environment in [
            (("billing", "production"), ("orders", "production"), ("billing", "test"))[n % 3]
        ]
    ]
    return scope(*secrets)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with evaluation.running() as found:
        yield found


@pytest.fixture(scope="module", params=[3, 900], ids=["exact", "by path and tag"])
def fleet_of(request: pytest.FixtureRequest) -> Scope:
    return fleet(request.param)


def allowed(given: Scope, evaluator: Evaluator, holder: str, action: str, **asked: Any) -> bool:
    tags = asked.get("tags", ("billing", "production"))
    context = {
        "aws:ResourceAccount": ACCOUNT,
        "aws:PrincipalAccount": ACCOUNT,
        "aws:RequestedRegion": "eu-central-1",
        f"{TAG}owner": asked.get("owner", INSTALLATION),
        f"{TAG}application": tags[0],
        f"{TAG}environment": tags[1],
        **asked.get("context", {}),
    }
    question = Question(
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/rotation-{INSTALLATION}-main-{holder}/attempt",
        action=action,
        resource=asked["on"],
        context=context,
        policies=[json.loads(document.text) for document in rendered(given)[holder]],
    )
    return evaluator.allows(question)


SECRET, OTHER = f"{HOME}apps/s0-AbCdEf", f"{HOME}payroll/s0-AbCdEf"
USER, ELSEWHERE = (f"arn:aws:iam::{ACCOUNT}:user/{path}/s0" for path in ("rotated", "people"))
LABEL = {"secretsmanager:VersionStage": "AWSPENDING"}


def test_its_own_are_allowed(fleet_of: Scope, evaluator: Evaluator) -> None:
    assert allowed(fleet_of, evaluator, "observe", "secretsmanager:DescribeSecret", on=SECRET)
    assert allowed(fleet_of, evaluator, "mint", "secretsmanager:PutSecretValue", on=SECRET)
    assert allowed(fleet_of, evaluator, "mint", "iam:CreateAccessKey", on=USER)
    read = "secretsmanager:GetSecretValue"
    assert allowed(fleet_of, evaluator, "verify", read, on=SECRET, context=LABEL)
    assert allowed(fleet_of, evaluator, "read-billing-production", read, on=SECRET)


def test_what_is_elsewhere_is_denied(fleet_of: Scope, evaluator: Evaluator) -> None:
    assert not allowed(fleet_of, evaluator, "observe", "secretsmanager:DescribeSecret", on=OTHER)
    assert not allowed(fleet_of, evaluator, "mint", "iam:CreateAccessKey", on=ELSEWHERE)
    assert not allowed(fleet_of, evaluator, "mint", "secretsmanager:PutSecretValue", on=OTHER)


def test_what_another_installation_claims_is_not_written(
    fleet_of: Scope, evaluator: Evaluator
) -> None:
    put = "secretsmanager:PutSecretValue"
    assert not allowed(fleet_of, evaluator, "mint", put, on=SECRET, owner="ffffffffffff")


@pytest.mark.parametrize(
    "tags", [("payroll", "production"), ("billing", "staging"), ("orders", "test")]
)
def test_by_tag_the_pair_must_be_ours_and_not_one_of_each(
    evaluator: Evaluator, tags: tuple[str, str]
) -> None:
    given = fleet(900)
    strange = f"{HOME}apps/of-somebody-AbCdEf"
    for holder, action, on in (
        ("observe", "secretsmanager:DescribeSecret", strange),
        ("mint", "iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/rotated/somebody"),
        ("revoke", "iam:DeleteAccessKey", f"arn:aws:iam::{ACCOUNT}:user/rotated/somebody"),
    ):
        assert not allowed(given, evaluator, holder, action, on=on, tags=tags), (holder, tags)


# ------------------------------------------------------------------- what doctor asks about them


def hook(given: Scope, evaluator: Evaluator) -> Any:
    """Decides what is asked about a role by the documents of that scope."""
    written = {holder: [json.loads(d.text) for d in ds] for holder, ds in rendered(given).items()}
    here = {"aws:ResourceAccount": ACCOUNT, "aws:PrincipalAccount": ACCOUNT}

    def allows(principal: str, action: str, resource: str, context: Any) -> bool:
        if ":role/" not in principal:  # a call that some role makes
            return True
        question = Question(
            principal=principal,
            action=action,
            resource=resource,
            context={**here, **context},
            policies=written[principal.rpartition("-")[2]],
        )
        return evaluator.allows(question)

    return allows


@contextmanager
def looking(given: Scope, aws: StrictAws, directory: Path) -> Iterator[tuple[Scope, AwsConnection]]:
    """A runner there, with a role for every set."""
    credentials = directory / "credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id={ADMIN.access_key_id}\n"
        f"aws_secret_access_key={ADMIN.secret_access_key}\n"
    )
    aws.control.client("iam").create_role(RoleName="of-observe", AssumeRolePolicyDocument="{}")
    options = replace(
        given.options,
        roles={str(under): f"arn:aws:iam::{ACCOUNT}:role/of-{under}" for under in PermissionSet},
        endpoint=aws.endpoint,
        credentials_file=str(credentials),
    )
    made = AwsConnection(options, installation=INSTALLATION, clock=SystemClock())
    yield replace(given, options=options), made
    made.close()


def missed(given: Scope, evaluator: Evaluator, directory: Path, untagged: str = "") -> set[str]:
    """The secrets that doctor says something of, of the first three of a fleet."""
    few = [part for part in given.parts if part.secret in ("s0", "s1", "s2")]
    with StrictAws(account=ACCOUNT) as aws, looking(given, aws, directory) as (scope, connection):
        aws.authorise(hook(given, evaluator))
        for part in few[1::2]:
            tags = {
                "rotation:application": part.application,
                "rotation:environment": "" if part.secret == untagged else part.environment,
            }
            aws.control.client("secretsmanager").create_secret(
                Name=part.options.name,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        asked = replace(scope, needs=tuple(need for need in scope.needs if need.part in few))
        return {each.secret for each in check(asked, connection, tuple(PermissionSet))}


def test_doctor_misses_nothing_in_either_form(
    fleet_of: Scope, evaluator: Evaluator, tmp_path: Path
) -> None:
    assert missed(fleet_of, evaluator, tmp_path) == set()


@pytest.mark.parametrize(("count", "expected"), [(3, set()), (900, {"s1"})])
def test_by_tag_doctor_names_the_secret_without_its_tag(
    evaluator: Evaluator, tmp_path: Path, count: int, expected: set[str]
) -> None:
    assert missed(fleet(count), evaluator, tmp_path, untagged="s1") == expected
