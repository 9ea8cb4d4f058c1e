"""At every size the same: what is its own is allowed, everything else is denied."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from providers.aws import arns
from providers.aws.options import AccessKeyOptions
from providers.aws.permissions import GRANTS, Grant
from providers.aws.resource_policies import policy_of_key
from providers.aws.sessions import session_policy
from rotation.interfaces import Need, Scope
from rotation.types import PermissionSet
from tests.infra import evaluation, scale
from tests.infra.evaluation import Evaluator, Question
from tests.support.aws_policies import ACCOUNT, CONNECTION, INSTALLATION, rendered

pytestmark = pytest.mark.timeout(300)

TAG = "aws:ResourceTag/rotation:"
ROLES = {
    str(
        under
    ): f"arn:aws:iam::{ACCOUNT}:role/rotation/{INSTALLATION}/rotation-{INSTALLATION}-main-{under}"
    for under in PermissionSet
}


@dataclass(frozen=True)
class Documents:
    """Of one fleet, and a secret of it with its user."""

    scope: Scope
    policies: dict[str, list[Any]]

    def question(self, need: Need) -> Question:
        """The call that the grant is for."""
        grant, part = need.grant, need.part
        context = {
            "aws:ResourceAccount": ACCOUNT,
            "aws:PrincipalAccount": ACCOUNT,
            "aws:PrincipalArn": ROLES[need.under],
            "aws:RequestedRegion": "eu-central-1",
            f"{TAG}owner": INSTALLATION,
            f"{TAG}application": part.application,
            f"{TAG}environment": part.environment,
        }
        secret = "" if isinstance(part.options, AccessKeyOptions) else self.secret(part.options)
        if grant.labels:
            context["secretsmanager:VersionStage"] = grant.labels[0]
        if grant.tag_keys:
            context["aws:TagKeys"] = list(grant.tag_keys)
        if grant.resource == "key":
            context |= {
                "kms:CallerAccount": ACCOUNT,
                "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com",
                "kms:EncryptionContext:SecretARN": secret,
            }
        on = {
            "secret": secret,
            "key": CONNECTION.kms_key,
            "user": secret or arns.user_arn(CONNECTION, part.options),
        }[grant.resource]
        return Question(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/rotation-{INSTALLATION}-main-{need.under}/s",
            action=grant.action,
            resource=str(on),
            context=context,
            policies=self.policies[need.under],
            boundary=self.policies["boundary"][0],
            resource_policy=policy_of_key(ACCOUNT) if grant.resource == "key" else None,
        )

    def secret(self, options: Any) -> str:
        return arns.secret_arns(CONNECTION, options, {}, replicas=False)[0].replace(
            "??????", "AbCdEf"
        )

    @property
    def needs(self) -> list[Need]:
        first = self.scope.parts[0].secret
        return [need for need in self.scope.needs if need.part.secret == first]


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with evaluation.running() as found:
        yield found


@pytest.fixture(scope="module", params=scale.SIZES)
def documents(request: pytest.FixtureRequest) -> Documents:
    return documents_of(request.param)


def documents_of(count: int) -> Documents:
    given = scale.fleet(count)
    given = replace(given, options=replace(given.options, roles=ROLES))
    written = rendered(given)
    return Documents(given, {who: [json.loads(d.text) for d in ds] for who, ds in written.items()})


def changed(question: Question, **context: Any) -> Question:
    """None: the request does not say it."""
    given = {**question.context, **context}
    return replace(question, context={key: v for key, v in given.items() if v is not None})


def test_its_own_is_allowed(documents: Documents, evaluator: Evaluator) -> None:
    for need in documents.needs:
        assert evaluator.allows(documents.question(need)), (need.under, need.grant.action)


FOREIGN = {f"{TAG}application": "z-service", f"{TAG}environment": "production"}
OTHERS = {
    "another application": FOREIGN,
    "another environment": {**FOREIGN, f"{TAG}application": "a-service", f"{TAG}environment": "x"},
    "no tags": {f"{TAG}application": None, f"{TAG}environment": None, f"{TAG}owner": None},
    "claimed by another installation": {**FOREIGN, f"{TAG}owner": "ffffffffffff"},
}


def elsewhere(question: Question) -> Question:
    """The same call for a resource of another name."""
    name, other = "a-service-production-db-0", "z-service-production-db-0"
    secret = question.context.get("kms:EncryptionContext:SecretARN")
    moved = replace(question, resource=question.resource.replace(name, other))
    if secret is None:
        return moved
    return changed(moved, **{"kms:EncryptionContext:SecretARN": secret.replace(name, other)})


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_its_own_is_denied(
    documents: Documents, evaluator: Evaluator, what: str
) -> None:
    for need in documents.needs:
        if need.grant.resource != "key":  # a key is used for what may be read or written only
            probe = changed(elsewhere(documents.question(need)), **OTHERS[what])
            assert not evaluator.allows(probe), (need.under, need.grant.action)


def test_another_account_and_region_are_denied(documents: Documents, evaluator: Evaluator) -> None:
    for need in documents.needs:
        question = documents.question(need)
        assert not evaluator.allows(changed(question, **{"aws:ResourceAccount": "999999999999"}))
        if need.grant.resource == "secret":
            assert not evaluator.allows(changed(question, **{"aws:RequestedRegion": "ap-south-1"}))


def test_what_is_not_claimed_is_not_written(documents: Documents, evaluator: Evaluator) -> None:
    claimed = [need for need in documents.needs if need.grant.claimed]
    assert {need.under for need in claimed} == {PermissionSet.MINT, PermissionSet.PROMOTE}
    for need in claimed:
        for owner in (None, "ffffffffffff"):
            probe = changed(documents.question(need), **{f"{TAG}owner": owner})
            assert not evaluator.allows(probe), (need.under, need.grant.action, owner)


def test_nobody_tags_himself_into_it(documents: Documents, evaluator: Evaluator) -> None:
    """Only `claim` tags, only with the owner, and only what is ours already."""
    [need] = [need for need in documents.needs if need.grant.tag_keys]
    question = documents.question(need)
    assert not evaluator.allows(changed(question, **{"aws:TagKeys": ["rotation:application"]}))
    for under in PermissionSet:
        if under is not PermissionSet.CLAIM:
            as_another = replace(
                changed(question, **{"aws:PrincipalArn": ROLES[under]}),
                principal=question.principal.replace("claim", under),
                policies=[*documents.policies[under], EVERYTHING],
            )
            assert not evaluator.allows(as_another), under


EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def test_whatever_is_attached_a_role_stays_in_its_installation_and_environments(
    documents: Documents, evaluator: Evaluator
) -> None:
    for need in documents.needs:
        if need.grant.resource == "key":
            continue
        wide = replace(documents.question(need), policies=[EVERYTHING])
        for tags in ("another environment", "claimed by another installation"):
            assert not evaluator.allows(changed(elsewhere(wide), **OTHERS[tags])), need.grant.action
        worse = "iam:PutUserPolicy" if ":user/" in wide.resource else "secretsmanager:DeleteSecret"
        assert not evaluator.allows(replace(wide, action=worse))


# --------------------------------------------------------------- a session beside its role's own


def grants() -> Iterator[tuple[str, PermissionSet, Grant]]:
    for kind, sets in GRANTS.items():
        for under, each in sets.items():
            yield from ((kind, under, grant) for grant in each)


def test_a_session_is_good_for_its_own_secret_and_for_no_other_of_its_role(
    evaluator: Evaluator,
) -> None:
    documents = documents_of(28)
    given = documents.scope
    mine = given.parts[0].secret
    others = given.parts[2].secret
    for need in given.needs:
        if need.part.secret in (mine, others):
            own = next(p for p in given.parts if p.secret == mine and p.kind == need.part.kind)
            narrow = json.loads(session_policy(CONNECTION, own.options, need.under))
            question = documents.question(need)
            assert evaluator.allows(question)
            under_session = evaluator.allows(replace(question, policies=[narrow], boundary=None))
            expected = need.part.secret == mine or need.grant.resource == "key"
            assert under_session == expected, (need.under, need.grant.action)
