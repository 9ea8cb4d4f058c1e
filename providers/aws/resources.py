"""A whole stack for one connection, the same as `infra/` declares, for use without it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.aws import resource_policies
from providers.aws.arns import moved, partition, path, secret_arns
from providers.aws.iam import PREMADE, IamRenderer
from providers.aws.names import (
    ALIAS_MAX,
    SESSION_S,
    external_id,
    policy_name,
    role_name,
)
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from providers.aws.prices import monthly
from providers.aws.resources_watch import Watching, trail
from providers.aws.stack import (
    AwsStackOptions,
    Stack,
    key_to_come,
    obstacles,
    relied_on,
    untagged,
    with_stack_settings,
)
from providers.aws.trust import trust
from rotation.interfaces import Part, PolicyDocument, Scope
from rotation.permissions.naming import place, require_length
from rotation.permissions.resources import Document, Made, Ref, Resource

# The value of the stack's tag, by which another stack of the same installation recognises it.
MAKER = "terraform"

KEY, REPLICA = "aws_kms_key", "aws_kms_replica_key"


class AwsStack:
    """What `rotation policy aws --stack` prints."""

    source, version = "hashicorp/aws", "~> 6.0"
    options = AwsStackOptions

    def mistakes(self, settings: AwsStackOptions, scopes: Sequence[Scope]) -> Iterator[str]:
        connections = [scope.options for scope in scopes]
        applications = {part.application for scope in scopes for part in scope.parts}
        for key, wrong in (*settings.missing(), *settings.mistakes(connections, applications)):
            yield f"`{key}`{wrong}"
        for scope in scopes:
            yield from obstacles(scope, settings)

    def made(self, scope: Scope, settings: AwsStackOptions, states: Mapping[str, str]) -> Made:
        known = with_stack_settings(scope, settings)
        stack = Stack(
            scope=known, settings=settings, states=states, roles=known.options.roles, stack=MAKER
        )
        whole = _Whole(stack)
        options = scope.options
        provider = {"region": options.region, "allowed_account_ids": [options.account]}
        resources = tuple(whole.resources())
        return Made(
            scope=scope,
            resources=resources,
            remarks=(monthly(resources), *relied_on(stack), *untagged(stack, _remarks(resources))),
            provider={**provider, **({"profile": options.profile} if options.profile else {})},
            to_come=whole.to_come,
            bindings={
                "roles": dict(stack.roles),
                "external_id": external_id(known),
                "kms_key": whole.key,
                "runner": settings.runner,
                "deployer": settings.deployer,
            },
        )


class _Whole:
    """key: the ARN of the secrets' key; a key that is still to be made has a placeholder."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._name = place(stack.scope)
        own = stack.scope.options.kms_key
        self.to_come: dict[str, Ref] = {}
        self.key = own or self._coming()

    def resources(self) -> Iterator[Resource]:
        stack = self._stack
        if stack.scope.options.kms_key is None:
            yield from self._key()
        for part in stack.scope.parts:
            if not stack.adopts(part):
                yield from self._kept(part)
        yield from self._ceiling()
        yield from self._roles()
        if stack.settings.alarms:
            yield from self._watch()
        if stack.makes_trail:
            yield from trail(stack)

    def _watch(self) -> Iterator[Resource]:
        """The policy of a key that exists already may not let alarms through."""
        if self._stack.scope.options.kms_key is None or not self._stack.makes_topics:
            yield from Watching(self._stack, self.key, self._copies()).resources()
        else:
            yield from self._key("alarms")
            key = self._coming("alarms")
            yield from Watching(self._stack, key, self._copies("alarms")).resources()

    def _copies(self, *what: str) -> dict[str, tuple[str, str]]:
        """By region: the resource that a topic there waits for."""
        name = self._stack.scope.called(self._name, *what)
        return {region: (REPLICA, f"{name}-{region}") for region in self._stack.key_copies}

    def _coming(self, *what: str) -> str:
        arn = key_to_come(self._stack.scope.options, *what)
        self.to_come[arn.rpartition("/")[2]] = Ref(
            KEY, self._stack.scope.called(self._name, *what), "key_id"
        )
        return arn

    def _key(self, *what: str) -> Iterator[Resource]:
        stack, scope = self._stack, self._stack.scope
        name = scope.called(self._name, *what)
        kept = () if what else stack.kept
        policy = self._key_policy(*what)
        key = Resource(
            type=KEY,
            name=name,
            kept=bool(kept),
            inputs={
                "description": f"{''.join(what) or 'secrets'} of rotation {scope.installation}, "
                f"connection {place(scope)}",
                "enable_key_rotation": True,
                "multi_region": True,
                "deletion_window_in_days": 30,
                "policy": policy,
                "tags": stack.own_tags,
            },
        )
        yield key
        for region in stack.key_copies:
            yield Resource(
                type=REPLICA,
                name=f"{name}-{region}",
                kept=region in kept,
                inputs={
                    "primary_key_arn": key.ref("arn"),
                    "region": region,
                    "deletion_window_in_days": 30,
                    "policy": replace(policy, name=f"{policy.name}-{region}"),
                    "tags": stack.own_tags,
                },
            )
        yield Resource(
            type="aws_kms_alias",
            name=name,
            inputs={
                "name": require_length(f"alias/{name}", ALIAS_MAX, "the key"),
                "target_key_id": key.ref("key_id"),
            },
        )

    def _key_policy(self, *what: str) -> Document:
        options = self._stack.scope.options
        return Document(
            name="-".join(("key", *what)),
            kind="key policy",
            holder="key",
            content=resource_policies.policy_of_key(options.account, partition(options.region)),
        )

    def _kept(self, part: Part) -> Iterator[Resource]:
        if isinstance(part.options, SecretsManagerOptions):
            yield from self._secret(part, part.options)
        elif isinstance(part.options, AccessKeyOptions):
            yield Resource(
                type="aws_iam_user",
                name=part.secret,
                kept=self._stack.is_alive(part),
                inputs={
                    "name": part.options.user,
                    "path": part.options.path,
                    "permissions_boundary": self._stack.settings.user_boundary
                    or Ref("aws_iam_policy", f"{self._name}-user-ceiling", "arn"),
                    "force_destroy": False,
                    "tags": self._stack.tags(part),
                },
            )

    def _secret(self, part: Part, options: SecretsManagerOptions) -> Iterator[Resource]:
        stack, ours = self._stack, self._stack.scope.options.kms_key is None
        name = stack.scope.called(self._name)
        secret = Resource(
            type="aws_secretsmanager_secret",
            name=part.secret,
            kept=stack.is_alive(part),
            after=tuple((REPLICA, f"{name}-{region}") for region in options.replicas if ours),
            inputs={
                "name": options.name,
                "description": f"{part.secret}: {part.application}, {part.environment}",
                "kms_key_id": self.key,
                "replica": [
                    {
                        "region": region,
                        **({"kms_key_id": moved(self.key, region)} if ours else {}),
                    }
                    for region in options.replicas
                ],
                "recovery_window_in_days": 30,
                "tags": stack.tags(part),
            },
        )
        yield secret
        [arn, *_] = secret_arns(stack.scope.options, options, {}, replicas=False)
        yield Resource(
            type="aws_secretsmanager_secret_policy",
            name=part.secret,
            inputs={
                "secret_arn": secret.ref("arn"),
                "block_public_policy": True,
                "policy": Document(
                    name=f"secret-{part.secret}",
                    kind="secret policy",
                    holder="secret",
                    content=resource_policies.policy_of_secret(stack, part, arn),
                ),
            },
        )

    # ------------------------------------------------------------------------------------ IAM

    def _ceiling(self) -> Iterator[Resource]:
        users = any(isinstance(part.options, AccessKeyOptions) for part in self._stack.scope.parts)
        if users and not self._stack.settings.user_boundary:
            yield self._policy(
                Document(
                    name="user-ceiling",
                    kind="boundary",
                    holder="user",
                    content=resource_policies.ceiling(),
                ),
                "boundary of rotated users, unless the stack is told one of your own",
            )

    def _roles(self) -> Iterator[Resource]:
        stack = self._stack
        options = replace(stack.scope.options, kms_key=self.key)
        documents = IamRenderer().documents(replace(stack.scope, options=options))
        boundary: Ref | str = stack.settings.role_boundary
        if not boundary:
            [document] = [each for each in documents if each.holder == "boundary"]
            made = self._policy(_identity(document), _compiled(document))
            yield made
            boundary = made.ref("arn")
        for under in stack.roles:
            yield self._role(under, boundary)
        for document in documents:
            if document.holder != "boundary":
                yield from self._held(document)
        for name in PREMADE:
            yield self._policy(
                Document(
                    name=name,
                    kind="policy",
                    holder="contain",
                    content=resource_policies.premade(name),
                ),
                "for the emergency role; attached to nobody in peace",
            )

    def _role(self, under: str, boundary: Ref | str) -> Resource:
        scope = self._stack.scope
        return Resource(
            type="aws_iam_role",
            name=f"{self._name}-{under}",
            inputs={
                "name": role_name(scope, under),
                "path": path(scope),
                "description": f"permission set {under} of rotation {scope.installation}",
                "assume_role_policy": Document(
                    name=f"trust-{under}",
                    kind="trust",
                    holder=under,
                    content=trust(self._stack, under),
                ),
                "permissions_boundary": boundary,
                "max_session_duration": SESSION_S,
                "tags": self._stack.own_tags,
            },
        )

    def _held(self, document: PolicyDocument) -> Iterator[Resource]:
        made = self._policy(_identity(document), _compiled(document))
        yield made
        if document.holder in self._stack.roles:
            role = Ref("aws_iam_role", f"{self._name}-{document.holder}", "name")
            yield _attached(made, "role", role, made.name)
        elif document.holder == "base":
            yield self._given(made, self._stack.settings.runner)
        else:
            for reader in self._stack.readers_of(document):
                yield self._given(made, reader)

    def _given(self, made: Resource, principal: str) -> Resource:
        name = principal.rpartition("/")[2]
        kind = "user" if ":user/" in principal else "role"
        return _attached(made, kind, name, f"{made.name}-{name}")

    def _policy(self, document: Document, description: str) -> Resource:
        scope = self._stack.scope
        return Resource(
            type="aws_iam_policy",
            name=f"{self._name}-{document.name}",
            inputs={
                "name": policy_name(scope, document.name),
                "path": path(scope),
                "description": description,
                "policy": document,
                "tags": self._stack.own_tags,
            },
        )


def _remarks(resources: Sequence[Resource]) -> list[str]:
    """Why documents have their form."""
    values = (value for each in resources for value in each.inputs.values())
    return [value.remark for value in values if isinstance(value, Document)]


def _identity(document: PolicyDocument) -> Document:
    kind = "boundary" if document.holder == "boundary" else "policy"
    content: Any = json.loads(document.text)
    return Document(
        name=document.name,
        kind=kind,
        holder=document.holder,
        content=content,
        remark=document.remark,
    )


def _compiled(document: PolicyDocument) -> str:
    return document.remark or f"compiled for {document.holder}"


def _attached(made: Resource, kind: str, to: Ref | str, name: str) -> Resource:
    return Resource(
        type=f"aws_iam_{kind}_policy_attachment",
        name=name,
        inputs={kind: to, "policy_arn": made.ref("arn")},
    )
