"""The declared stack, made in strict AWS, and every call to it decided by its own policies."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pulumi.runtime import mocks

from providers.aws.resource_policies import policy_of_key
from providers.aws.testing.oracle import Oracle
from providers.aws.testing.policies import boundary, identity_policies, trust_policy
from providers.aws.testing.server import StrictAws
from providers.aws.testing.state import State
from tests.infra.evaluation import Evaluator, Question
from tests.infra.provider import iam, stores
from tests.infra.provider.kind import Clients
from tests.infra.stack import Cloud

ACCOUNT = "123456789012"

MADE = iam.KINDS | {
    kind: stores.KINDS[kind]
    for kind in (
        "aws:secretsmanager/secret:Secret",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
    )
}


class MadeCloud(Cloud):
    """Mocks whose users, roles, policies and secrets really exist afterwards."""

    def __init__(self, aws: StrictAws) -> None:
        super().__init__(account=ACCOUNT)
        self._aws = Clients(aws.control.region, aws.control.client)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        name, state = super().new_resource(args)
        if kind := MADE.get(args.typ):
            name, more = kind.make(self._aws, args.inputs)
            state |= more
        return name, state


@dataclass
class Guard:
    """Strict AWS's authorisation hook: the declared policies, evaluated by the oracle. Keeps what
    was asked and what came of it. step: that a rotation is at now. steps: set and action -> those
    that made the call."""

    state: State
    evaluator: Evaluator
    without: tuple[str, str] | None = None
    asked: list[tuple[Question, bool]] = field(default_factory=list)
    step: str = ""
    steps: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def __call__(self, principal: str, action: str, resource: str, context: Any) -> bool:
        question = self.question(principal, action, resource, context)
        if self.without == (set_of(principal), action):
            question = without(question, action)
        allowed = self.evaluator.allows(question)
        self.asked.append((question, allowed))
        if self.step and ":assumed-role/" in principal:
            self.steps[set_of(principal), action].add(self.step)
        return allowed

    def question(self, principal: str, action: str, resource: str, context: Any) -> Question:
        limit = boundary(self.state, principal)
        return Question(
            principal=principal,
            action=action,
            resource=resource,
            context={
                "aws:ResourceAccount": ACCOUNT,
                "aws:PrincipalAccount": ACCOUNT,
                "aws:PrincipalArn": _principal_arn(self.state, principal),
                "aws:PrincipalIsAWSService": "false",
                "aws:RequestedRegion": _region(resource),
                # The evaluator does not know the services' own names of a resource's tags; our
                # policies use the global ones.
                **{
                    key: value
                    for key, value in context.items()
                    if key.startswith("aws:") or ":ResourceTag/" not in key
                },
            },
            policies=[json.loads(text) for text in identity_policies(self.state, principal)],
            boundary=json.loads(limit) if limit else None,
            resource_policy=self._of_resource(resource),
        )

    def _of_resource(self, resource: str) -> Any:
        if ":role/" in resource:
            return json.loads(trust_policy(self.state, resource) or "null")
        if ":kms:" in resource:
            return policy_of_key(ACCOUNT)
        if ":secretsmanager:" in resource:
            text = Oracle(self.state).resource_policy(resource.partition(":secret:")[2][:-7])
            return json.loads(text) if text else None
        return None


def without(question: Question, action: str) -> Question:
    """The same with that action taken out of every policy of the principal."""
    policies = json.loads(json.dumps(question.policies))
    for document in policies:
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                given = statement["Action"]
                given = [given] if isinstance(given, str) else given
                statement["Action"] = [each for each in given if each != action] or "none:None"
    return replace(question, policies=policies)


def set_of(principal: str) -> str:
    """The permission set of a role session; else who it is."""
    name = (
        principal.split("/")[-2]
        if ":assumed-role/" in principal
        else principal.rsplit("/", maxsplit=1)[-1]
    )
    return name.rpartition("-")[2]


def _principal_arn(state: State, principal: str) -> str:
    if ":assumed-role/" not in principal:
        return principal
    name = principal.split("/")[-2]
    return next(str(role.arn) for role in state.iam.roles.values() if role.name == name)


def _region(resource: str) -> str:
    return resource.split(":")[3] or "us-east-1"


def denied(asked: list[tuple[Question, bool]]) -> Iterator[str]:
    for question, allowed in asked:
        if not allowed:
            yield f"{set_of(question.principal)}: {question.action} on {question.resource}"


def as_file(directory: Path, name: str, text: str, mode: int = 0o600) -> Path:
    path = directory / name
    path.write_text(text)
    path.chmod(mode)
    return path
