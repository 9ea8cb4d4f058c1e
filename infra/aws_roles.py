"""The runner's roles, one per permission set, and who may take each of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws_stores import Surroundings
from infra.documents import Documents
from providers.aws.arns import path
from providers.aws.iam import PREMADE
from providers.aws.names import SESSION_S, policy_name, role_name
from providers.aws.resource_policies import premade
from providers.aws.trust import trust
from rotation.interfaces import PolicyDocument
from rotation.permissions.naming import place


@dataclass(frozen=True, kw_only=True)
class RolesArgs:
    """key: of the secrets. secrets: name -> ARN, as far as they are known."""

    context: Surroundings
    key: pulumi.Input[str]
    secrets: Mapping[str, pulumi.Input[str]]


class Roles(pulumi.ComponentResource):
    """Policies, boundary, roles, and what an emergency may attach."""

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Roles", name, None, opts)
        context, documents = args.context, Documents(args.context.scope, args.key, args.secrets)
        self._context, self._documents = context, documents
        self._below = pulumi.ResourceOptions(parent=self)
        boundary = next(each for each in documents.all if each.holder == "boundary")
        self._boundary = context.settings.role_boundary or self._policy(boundary).arn
        for under in context.roles:
            self._role(under)
        for document in documents.all:
            if document.holder == "base":
                self._attach(document, context.settings.runner, self._policy(document))
            elif document.holder.startswith("read-"):
                self._readers(document)
        self._premade()
        self.register_outputs({"roles": dict(context.roles)})

    def _role(self, under: str) -> None:
        scope = self._context.scope
        role = aws.iam.Role(
            f"{place(scope)}-{under}",
            name=role_name(scope, under),
            path=path(scope),
            description=f"permission set {under} of rotation {scope.installation}",
            assume_role_policy=json.dumps(trust(self._context, under)),
            permissions_boundary=self._boundary,
            max_session_duration=SESSION_S,
            tags=self._context.own_tags,
            opts=self._below,
        )
        for document in self._documents.all:
            if document.holder == under:
                aws.iam.RolePolicyAttachment(
                    f"{place(scope)}-{document.name}",
                    role=role.name,
                    policy_arn=self._policy(document).arn,
                    opts=pulumi.ResourceOptions(parent=role),
                )

    def _policy(self, document: PolicyDocument) -> aws.iam.Policy:
        scope = self._context.scope
        return aws.iam.Policy(
            f"{place(scope)}-{document.name}",
            name=policy_name(scope, document.name),
            path=path(scope),
            description=document.remark or f"compiled for {document.holder}",
            policy=self._documents.text(document),
            tags=self._context.own_tags,
            opts=self._below,
        )

    def _readers(self, document: PolicyDocument) -> None:
        """The policy is there for all readers; those that this account names get it."""
        made = self._policy(document)
        for reader in self._context.readers_of(document):
            self._attach(document, reader, made)

    def _attach(self, document: PolicyDocument, principal: str, made: aws.iam.Policy) -> None:
        name = f"{place(self._context.scope)}-{document.name}-{_name_of(principal)}"
        _attach(self, name, principal, made.arn)

    def _premade(self) -> None:
        """The two policies that the emergency role may put on a user, and take off again."""
        scope = self._context.scope
        for name in PREMADE:
            aws.iam.Policy(
                f"{place(scope)}-{name}",
                name=policy_name(scope, name),
                path=path(scope),
                description="for the emergency role; attached to nobody in peace",
                policy=json.dumps(premade(name)),
                tags=self._context.own_tags,
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
