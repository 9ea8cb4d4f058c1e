"""Least privilege, both ways: real rotations under the declared roles, every call decided by an
evaluator that others wrote; the same calls elsewhere denied; nothing granted that nobody uses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from providers.aws.permissions import BREAK_GLASS, GRANTS
from providers.aws.testing.policies import trust_policy
from rotation.operations.preflight import steps_under
from rotation.types import PermissionSet
from tests.infra import evaluation
from tests.infra.account import ACCOUNT, denied, set_of, without
from tests.infra.evaluation import Evaluator, Question
from tests.infra.probes import OTHERS, elsewhere
from tests.infra.story import Installation, installed, live, unnamed_steps

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with evaluation.running() as found:
        yield found


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, evaluator: Evaluator) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("enforced"), evaluator) as made:
        live(made)
        yield made


@pytest.fixture(scope="module")
def questions(lived: Installation) -> list[Question]:
    """What was asked, each once."""
    found = {json.dumps(q.simulation(), sort_keys=True): q for q, _ in lived.guard.asked}
    return list(found.values())


def allows(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions


def test_every_call_was_allowed(lived: Installation) -> None:
    assert len(lived.guard.asked) > 150
    assert sorted(set(denied(lived.guard.asked))) == []


def test_every_set_was_at_work(lived: Installation) -> None:
    assert {set_of(q.principal) for q, _ in lived.guard.asked} >= set(PermissionSet)


def test_every_action_that_is_granted_was_used(questions: list[Question]) -> None:
    """But what a person may do in an emergency, by the short list."""
    granted, used = set(), set()
    for question in questions:
        who = set_of(question.principal)
        used.add((who, question.action))
        granted |= {(who, action) for document in question.policies for action in allows(document)}
    unused = granted - used
    assert unused == {("contain", action) for action in BREAK_GLASS}


@pytest.mark.parametrize("what", ["application", "environment"])
def test_the_same_call_elsewhere_is_denied(
    questions: list[Question], evaluator: Evaluator, what: str
) -> None:
    environment = what == "environment"
    probes = [
        probe for question in questions for probe in elsewhere(question, environment=environment)
    ]
    assert len(probes) >= len(questions)
    assert not [
        (set_of(probe.principal), probe.action, probe.resource)
        for probe in probes
        if evaluator.allows(probe)
    ]


def test_without_an_action_exactly_its_own_calls_fail(
    questions: list[Question], evaluator: Evaluator
) -> None:
    for who in {set_of(question.principal) for question in questions}:
        mine = [question for question in questions if set_of(question.principal) == who]
        for action in {question.action for question in mine}:
            for question in mine:
                allowed = evaluator.allows(without(question, action))
                # A runner that the trust policy names needs no policy of its own to take a role.
                named = question.action == "sts:AssumeRole"
                assert allowed == (question.action != action or named), (who, action)


def test_another_account_and_another_region_are_denied(
    questions: list[Question], evaluator: Evaluator
) -> None:
    for question in questions:
        region = {**question.context, "aws:RequestedRegion": "ap-south-1"}
        if ":iam:" not in question.resource:
            assert not evaluator.allows(replace(question, context=region)), question.action


# ------------------------------------------------------------------------- who takes which role


def may_take(lived: Installation, evaluator: Evaluator, under: str, **context: str) -> bool:
    """A person of the given kind, without a policy of his own."""
    state = lived.guard.state
    [role] = [
        r
        for r in state.iam.roles.values()
        if r.name == f"rotation-{lived.installation}-main-{under}"
    ]
    question = Question(
        principal=context.pop("principal"),
        action="sts:AssumeRole",
        resource=str(role.arn),
        context={"aws:ResourceAccount": ACCOUNT, "aws:PrincipalAccount": ACCOUNT, **context},
        policies=[],
        resource_policy=json.loads(trust_policy(state, str(role.arn)) or ""),
    )
    return evaluator.allows(question)


ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
SIGNED_IN = f"arn:aws:sts::{ACCOUNT}:assumed-role/on-call/alice"
MFA = {"aws:MultiFactorAuthPresent": "true"}


def test_on_call_comes_in_with_mfa_and_not_without(
    lived: Installation, evaluator: Evaluator
) -> None:
    assert may_take(lived, evaluator, "contain", principal=ALICE, **MFA)
    assert not may_take(lived, evaluator, "contain", principal=ALICE)
    assert not may_take(lived, evaluator, "revoke", principal=ALICE, **MFA)


def test_on_call_comes_in_signed_in_by_name_and_not_anonymously(
    lived: Installation, evaluator: Evaluator
) -> None:
    who = {"aws:SourceIdentity": "alice@example.com"}
    on_call = {"principal": SIGNED_IN, "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/on-call"}
    assert may_take(lived, evaluator, "contain", **on_call, **who)
    assert not may_take(lived, evaluator, "contain", **on_call)


def test_the_runner_never_claims_and_a_person_never_destroys(
    lived: Installation, evaluator: Evaluator
) -> None:
    external = {"sts:ExternalId": f"rotation-{lived.installation}"}
    runner, person = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("runner", "engineer"))
    for under in PermissionSet:
        expected = under is not PermissionSet.CLAIM
        assert may_take(lived, evaluator, under, principal=runner, **external) == expected
    assert may_take(lived, evaluator, "claim", principal=person, **external, **MFA)
    assert not may_take(lived, evaluator, "revoke", principal=person, **external, **MFA)
    assert not may_take(lived, evaluator, "mint", principal=runner)


def test_an_operator_comes_in_by_the_same_doors_as_on_call(
    lived: Installation, evaluator: Evaluator
) -> None:
    """The external id is in every configuration: it is no secret, and opens nothing by itself."""
    external = {"sts:ExternalId": f"rotation-{lived.installation}"}
    person = f"arn:aws:iam::{ACCOUNT}:user/engineer"
    for under in PermissionSet:
        assert not may_take(lived, evaluator, under, principal=person, **external)
        expected = under not in (PermissionSet.REVOKE, PermissionSet.CONTAIN)
        assert may_take(lived, evaluator, under, principal=person, **external, **MFA) == expected


# --------------------------------------------------------------------------- who reads a secret


def reads(lived: Installation, evaluator: Evaluator, **context: str) -> bool:
    """A consumer of billing, with the policy that the stack made for it."""
    iam = lived.aws.control.client("iam")
    made = {p["PolicyName"]: p["Arn"] for p in iam.list_policies(Scope="Local")["Policies"]}
    arn = made[f"rotation-{lived.installation}-main-read-billing-production"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    secret = lived.aws.control.client("secretsmanager").describe_secret(SecretId="prod/billing/iam")
    question = Question(
        principal=(who := context.pop("principal", f"arn:aws:iam::{ACCOUNT}:user/consumer")),
        action="secretsmanager:GetSecretValue",
        resource=context.pop("resource", secret["ARN"]),
        context={
            "aws:ResourceAccount": ACCOUNT,
            "aws:PrincipalAccount": ACCOUNT,
            "aws:PrincipalArn": who,
            "aws:PrincipalIsAWSService": "false",
            **context,
        },
        policies=[version["Document"]],
        resource_policy=json.loads(lived.aws.control.oracle.resource_policy("prod/billing/iam")),
    )
    return evaluator.allows(question)


def test_consumers_read_what_is_current_and_nothing_pending(
    lived: Installation, evaluator: Evaluator
) -> None:
    label, version = "secretsmanager:VersionStage", "secretsmanager:VersionId"
    assert reads(lived, evaluator)
    assert reads(lived, evaluator, **{label: "AWSCURRENT"})
    assert reads(lived, evaluator, **{label: "AWSPREVIOUS"})
    assert not reads(lived, evaluator, **{label: "AWSPENDING"})
    assert not reads(lived, evaluator, **{version: "rot1-4b1d0c77e2a9-00"})
    assert not reads(lived, evaluator, **{version: "x", label: "AWSCURRENT"})
    assert not reads(lived, evaluator, resource=OTHERS["secret"])


def test_who_is_not_named_reads_nothing_even_with_the_policy(
    lived: Installation, evaluator: Evaluator
) -> None:
    nobody = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    assert not reads(lived, evaluator, principal=nobody)


# ---------------------------------------------------------------------------------- preflight


def checks_of(lived: Installation, *words: str, expected: tuple[int, ...]) -> list[dict[str, Any]]:
    said = json.loads(lived.rotation("doctor", *words, "-o", "json", expected=expected))
    checks: list[dict[str, Any]] = said["checks"]
    return checks


def test_doctor_would_name_every_step_that_made_a_call(lived: Installation) -> None:
    assert len(lived.guard.steps) >= len(GRANTED)
    assert unnamed_steps(lived.guard) == {}


def test_doctor_finds_nothing_missing(lived: Installation) -> None:
    lived.be("runner")
    checks = checks_of(lived, expected=(0, 1))
    assert [each for each in checks if each["code"] == "doctor.permission"] == []


def test_doctor_takes_the_emergency_role_in_daylight(lived: Installation) -> None:
    lived.be("runner")
    before = len(lived.guard.asked)
    said = lived.rotation("doctor", "--as", "emergency")
    assert "every role can do what its steps need: contain" in said
    changed = [q.action for q, _ in lived.guard.asked[before:] if "Simulate" not in q.action]
    # What it asks about is asked of the same evaluator; what it does is a look.
    assert "secretsmanager:DescribeSecret" in changed


def changes(lived: Installation, since: int) -> list[str]:
    """What was done to the account since then, beside looking and asking."""
    made = [f"{c['service']}:{c['operation']}" for c in lived.aws.control.oracle.calls("*", since)]
    return [each for each in made if not each.split(":")[1].startswith(("Get", "List", *LOOKS))]


def needing(under: str, action: str) -> set[str]:
    """Both secrets are in the store, one of the credentials is a user's."""
    secrets = {"aws-iam-access-key": ["billing-iam"]}
    return {
        f"{secret}, {under}"
        for plugin, sets in GRANTS.items()
        if action in {grant.action for grant in sets.get(PermissionSet(under), ())}
        for secret in secrets.get(plugin, ["billing-iam", "orders-token"])
    }


LOOKS = ("AssumeRole", "Describe", "Simulate")


def test_a_runner_that_may_not_ask_is_told_so(lived: Installation) -> None:
    """The one right of the base credentials that no trust policy gives."""
    lived.be("runner")
    lived.guard.without = ("runner", "iam:SimulatePrincipalPolicy")
    try:
        wrong = [each for each in checks_of(lived, expected=(3,)) if not each["ok"]]
    finally:
        lived.guard.without = None
    assert [(each["subject"], each["code"]) for each in wrong] == [
        ("permissions of main", "aws.denied")
    ]
    assert "iam:SimulatePrincipalPolicy" in wrong[0]["finding"]


GRANTED = [
    (str(under), action)
    for under in PermissionSet
    for action in dict.fromkeys(g.action for sets in GRANTS.values() for g in sets.get(under, ()))
]


@pytest.mark.parametrize(("under", "action"), GRANTED, ids=["-".join(each) for each in GRANTED])
def test_doctor_names_exactly_what_is_missing(lived: Installation, under: str, action: str) -> None:
    """Any one action that the configuration needs, taken from its role."""
    lived.be("runner")
    since = lived.aws.control.oracle.called()
    lived.guard.without = (under, action)
    try:
        found = checks_of(lived, expected=(3,))
    finally:
        lived.guard.without = None
    missing = [each for each in found if each["code"] == "doctor.permission"]
    steps = ", ".join(steps_under(PermissionSet(under)))
    # Without the look itself nothing can be asked: that denial is what doctor tells.
    asked = (under, action) != ("observe", "secretsmanager:DescribeSecret")
    assert {each["subject"] for each in missing} == (needing(under, action) if asked else set())
    for each in missing:
        assert each["finding"].startswith(f"may not {action} on ")
        assert each["finding"].endswith(f"needed by {steps}")
    denied = [each for each in found if not each["ok"] and each not in missing]
    assert all(each["code"] == "aws.denied" for each in denied), denied
    assert changes(lived, since) == []
