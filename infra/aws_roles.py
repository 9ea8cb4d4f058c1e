"""The runner's roles, one per permission set, and who may take each of them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws_stores import Surroundings
from infra.documents import Documents
from infra.names import POLICY_MAX, ROLE_MAX, fitting
from providers.aws.arns import account_arn
from providers.aws.iam import PREMADE
from rotation.interfaces import PolicyDocument, Scope
from rotation.types import PermissionSet

SESSION_S = 3600
"""The least that IAM accepts; the runner asks for 15 minutes."""


def role_name(scope: Scope, under: str) -> str:
    name = scope.called(scope.connection, under)
    return fitting(name, ROLE_MAX, f"the role of {under} of connection {scope.connection}")


def policy_name(scope: Scope, name: str) -> str:
    return fitting(scope.called(scope.connection, name), POLICY_MAX, "a policy")


def path(scope: Scope) -> str:
    return f"/rotation/{scope.installation}/"


def role_arns(scope: Scope) -> dict[str, str]:
    """Of the sets that are needed. Known before the roles are made, because we choose the names."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): account_arn(scope.options, f"role{path(scope)}{role_name(scope, under)}")
        for under in PermissionSet
        if under in needed
    }


def external_id(scope: Scope) -> str:
    return scope.options.external_id or scope.called()


class Roles(pulumi.ComponentResource):
    """Policies, boundary, roles, and what an emergency may attach."""

    def __init__(
        self, around: Surroundings, documents: Documents, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("rotation:aws:Roles", around.scope.connection, None, opts)
        self._around, self._documents = around, documents
        self._below = pulumi.ResourceOptions(parent=self)
        boundary = next(each for each in documents.all if each.holder == "boundary")
        self._boundary = around.settings.role_boundary or self._policy(boundary).arn
        for under in around.roles:
            self._role(under)
        for document in documents.all:
            if document.holder == "base":
                self._attach(document, around.settings.runner, self._policy(document))
            elif document.holder.startswith("read-"):
                self._readers(document)
        self._premade()
        self.register_outputs({"roles": dict(around.roles)})

    def _role(self, under: str) -> None:
        scope = self._around.scope
        role = aws.iam.Role(
            f"{scope.connection}-{under}",
            name=role_name(scope, under),
            path=path(scope),
            description=f"permission set {under} of rotation {scope.installation}",
            assume_role_policy=json.dumps(_trust(self._around, under)),
            permissions_boundary=self._boundary,
            max_session_duration=SESSION_S,
            tags=self._around.own_tags,
            opts=self._below,
        )
        for document in self._documents.all:
            if document.holder == under:
                aws.iam.RolePolicyAttachment(
                    f"{scope.connection}-{document.name}",
                    role=role.name,
                    policy_arn=self._policy(document).arn,
                    opts=pulumi.ResourceOptions(parent=role),
                )

    def _policy(self, document: PolicyDocument) -> aws.iam.Policy:
        scope = self._around.scope
        return aws.iam.Policy(
            f"{scope.connection}-{document.name}",
            name=policy_name(scope, document.name),
            path=path(scope),
            description=document.remark or f"compiled for {document.holder}",
            policy=self._documents.text(document),
            tags=self._around.own_tags,
            opts=self._below,
        )

    def _readers(self, document: PolicyDocument) -> None:
        """The policy is there for whoever reads; named readers of this account get it."""
        made = self._policy(document)
        account = self._around.scope.options.account
        for application, reader in self._around.settings.readers:
            environment = self._around.settings.environment
            if document.holder == f"read-{application}-{environment}" and f"::{account}:" in reader:
                self._attach(document, reader, made)

    def _attach(self, document: PolicyDocument, principal: str, made: aws.iam.Policy) -> None:
        name = f"{self._around.scope.connection}-{document.name}-{_name_of(principal)}"
        _attach(self, name, principal, made.arn)

    def _premade(self) -> None:
        """The two policies that the emergency role may put on a user, and take off again."""
        scope = self._around.scope
        never = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        # Nothing was issued before that day: it takes effect once a person writes the moment in.
        before = {"DateLessThan": {"aws:TokenIssueTime": "2000-01-01T00:00:00Z"}}
        texts = {"quarantine": never, "revoke-sessions": {**never, "Condition": before}}
        for name in PREMADE:
            content = {"Version": "2012-10-17", "Statement": [texts[name]]}
            aws.iam.Policy(
                f"{scope.connection}-{name}",
                name=policy_name(scope, name),
                path=path(scope),
                description="for the emergency role; attached to nobody in peace",
                policy=json.dumps(content),
                tags=self._around.own_tags,
                opts=self._below,
            )


def _attach(parent: pulumi.Resource, name: str, principal: str, policy: pulumi.Input[str]) -> None:
    below = pulumi.ResourceOptions(parent=parent)
    if ":user/" in principal:
        aws.iam.UserPolicyAttachment(name, user=_name_of(principal), policy_arn=policy, opts=below)
    else:
        aws.iam.RolePolicyAttachment(name, role=_name_of(principal), policy_arn=policy, opts=below)


def _name_of(principal: str) -> str:
    return principal.rpartition("/")[2]


def _trust(around: Surroundings, under: str) -> dict[str, Any]:
    settings = around.settings
    known = {"StringEquals": {"sts:ExternalId": external_id(around.scope)}}
    statements = []
    if under != PermissionSet.CLAIM:
        statements.append(_may_assume("TheRunner", [settings.runner], known))
    if under not in (PermissionSet.REVOKE, PermissionSet.CONTAIN):
        # `create` and `adopt` run as the person: claim, and everything else that they do.
        users = [each for each in settings.operators if ":user/" in each]
        statements += _people("Operator", users, set(settings.operators) - set(users), known)
    if under in (PermissionSet.CONTAIN, PermissionSet.OBSERVE):
        statements += _people("OnCall", settings.emergency_users, settings.emergency_roles, {})
    return {"Version": "2012-10-17", "Statement": statements or [_nobody()]}


def _people(
    who: str, users: Iterable[str], roles: Iterable[str], also: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A person with MFA; or one of the sign-in provider, which asks for MFA where AWS cannot see
    it, and says who it is by a source identity."""
    if users:
        mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        yield _may_assume(f"{who}WithMfa", users, {**also, **mfa})
    if roles:
        named = {"Null": {"aws:SourceIdentity": "false"}}
        federated = _may_assume(f"{who}SignedIn", roles, {**also, **named})
        federated["Action"] = ["sts:AssumeRole", "sts:SetSourceIdentity"]
        yield federated


def _may_assume(sid: str, principals: Any, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": sorted(principals)},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }


def _nobody() -> dict[str, Any]:
    """A trust policy must have a statement; this set is taken by people, and none is named."""
    return {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
