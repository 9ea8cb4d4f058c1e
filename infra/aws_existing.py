"""What an account holds already, and whether it is the account that was meant: asked at preview."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import state
from infra.aws_stores import Surroundings
from infra.names import copied
from infra.settings import refused
from providers.aws.alarms import own_trail
from providers.aws.arns import partition, user_arn
from providers.aws.iam import OWNER, regions_of
from providers.aws.names import bucket_name
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from providers.aws.stack import STACK_TAG
from rotation.interfaces import Part
from rotation.permissions.naming import place

_CODE = re.compile(r"api error (\w+)")


class Account:
    """One connection's account, before anything is declared in it."""

    def __init__(self, context: Surroundings, provider: aws.Provider) -> None:
        self._context = context
        self._opts = pulumi.InvokeOptions(provider=provider)
        parts = context.scope.parts
        self._stored = {
            part.options.name: part
            for part in parts
            if isinstance(part.options, SecretsManagerOptions)
        }
        self._rotated = {
            part.options.user.lower(): part
            for part in parts
            if isinstance(part.options, AccessKeyOptions)
        }

    def assert_meant(self) -> None:
        account = self._context.scope.options.account
        caller = self._ask(
            "whose credentials these are",
            f"log in for account {account}, or name the profile in the connection",
            lambda: aws.get_caller_identity(opts=self._opts),
        )
        if caller.account_id != account:
            raise refused(
                f"connection {self._context.scope.connection} is account {account}, but these "
                "credentials are of another one"
            )

    def to_take_in(self) -> dict[str, str]:
        """Name -> ARN of the secrets that are to be adopted. What is there, and is neither adopted
        nor ours, would fail in the middle of an apply; so would what is to be adopted and is not
        there."""
        problems = [
            *self._problems("secret", self._stored, self._secrets, self._our_secrets),
            *self._problems("IAM user", self._rotated, self._users, self._our_users),
            *self._elsewhere(),
            *self._taken_roles(),
            *self._made_by_another_stack(),
            *self._left_bucket(),
        ]
        if problems:
            raise refused(*problems)
        return {name: arn for name, arn in self._secrets.items() if name not in self._our_secrets}

    def _problems(
        self,
        what: str,
        wanted: Mapping[str, Part],
        there: Collection[str],
        ours: Collection[str],
    ) -> Iterator[str]:
        for name, part in sorted(wanted.items()):
            adopted = self._context.adopts(part)
            if adopted and name not in there:
                yield f"rotation:adopt names {part.secret}, but there is no such {what} {name}"
            elif not adopted and name in there and name not in ours:
                yield f"{what} {name} exists already: {part.secret} in rotation:adopt takes it in"

    def _elsewhere(self) -> Iterator[str]:
        """Policies name a user by its path: with another one they would be of no use."""
        for name, part in self._rotated.items():
            if name in self._users and self._context.adopts(part):
                path = self._users[name].partition(":user")[2][: -len(name)]
                if path != part.options.path:
                    yield (
                        f"IAM user {part.options.user} is at {path}: "
                        f"{part.secret} needs `path: {path}`"
                    )

    def _taken_roles(self) -> Iterator[str]:
        """IAM takes a name once, whatever its path."""
        wanted = {arn.rpartition("/")[2] for arn in self._context.roles.values()}
        users = self._ask(
            "which roles there are",
            "these credentials need iam:ListRoles",
            lambda: aws.iam.get_roles(name_regex=f"^{self._prefix}-", opts=self._opts),
        )
        for name in sorted(wanted & set(users.names)):
            tags = self._ask(
                f"whose role {name} is",
                "these credentials need iam:GetRole",
                partial(aws.iam.get_role, name=name, opts=self._opts),
            ).tags
            stack = (tags or {}).get(STACK_TAG, "of nobody")
            if stack != self._context.stack:
                yield f"role {name} exists already: {copied(self._context.scope, stack)}"

    def _made_by_another_stack(self) -> Iterator[str]:
        """A rule, an alarm or a topic of that name would be written over."""
        for region in sorted({*regions_of(self._context.scope), *self._context.watched}):
            for each in self._tagged(region):
                stack = each.tags.get(STACK_TAG, self._context.stack)
                if stack != self._context.stack and self._prefix in each.resource_arn:
                    yield f"{each.resource_arn} exists: {copied(self._context.scope, stack)}"

    def _left_bucket(self) -> Iterator[str]:
        """A trail's bucket outlives it, and the stack. Where the trail is there too, both are in
        the state."""
        scope, region = self._context.scope, self._context.scope.options.region
        if not self._context.makes_trail or self._context.settings.trail_bucket:
            return
        name = bucket_name(scope)
        there = {each.resource_arn for each in self._tagged(region)}
        left = f"arn:{partition(region)}:s3:::{name}" in there and own_trail(scope) not in there
        if left and not state.holds("aws:s3/bucket:Bucket", "bucket", name):
            yield (
                f"bucket {name} is left of an earlier trail and exists already: "
                f"rotation:trailBucket: {name} goes on with it"
            )

    def _tagged(self, region: str) -> Any:
        """Of this installation."""
        return self._ask(
            f"what of this installation is in {region}",
            "these credentials need tag:GetResources",
            partial(self._owned, region),
        ).resource_tag_mapping_lists

    def _owned(self, region: str) -> Any:
        owner = aws.resourcegroupstaggingapi.GetResourcesTagFilterArgs(
            key=OWNER, values=[self._context.scope.installation]
        )
        return aws.resourcegroupstaggingapi.get_resources(
            tag_filters=[owner], region=region, opts=self._opts
        )

    @property
    def _prefix(self) -> str:
        """Of every name that is made for this connection."""
        return self._context.scope.called(place(self._context.scope))

    @cached_property
    def _secrets(self) -> dict[str, str]:
        return self._listed([]) if self._stored else {}

    @cached_property
    def _our_secrets(self) -> dict[str, str]:
        asked = {"tag-key": STACK_TAG, "tag-value": self._context.stack}
        filters = [
            aws.secretsmanager.GetSecretsFilterArgs(name=name, values=[value])
            for name, value in asked.items()
        ]
        return self._listed(filters) if self._stored else {}

    def _listed(self, filters: list[aws.secretsmanager.GetSecretsFilterArgs]) -> dict[str, str]:
        secrets = self._ask(
            "which secrets there are",
            "these credentials need secretsmanager:ListSecrets",
            lambda: aws.secretsmanager.get_secrets(filters=filters or None, opts=self._opts),
        )
        return dict(zip(secrets.names, secrets.arns, strict=True))

    @cached_property
    def _users(self) -> dict[str, str]:
        """Of the whole account: IAM takes a name once, whatever its path and case."""
        if not self._rotated:
            return {}
        roles = self._ask(
            "which IAM users there are",
            "these credentials need iam:ListUsers",
            lambda: aws.iam.get_users(opts=self._opts),
        )
        return {arn.rpartition("/")[2].lower(): arn for arn in roles.arns}

    @cached_property
    def _our_users(self) -> set[str]:
        made = {self._stored[name].secret for name in self._our_secrets if name in self._stored}
        return {name for name, part in self._rotated.items() if self._is_ours(name, part, made)}

    def _is_ours(self, name: str, part: Part, made: Collection[str]) -> bool:
        """A list of users has no tags. One at its own path whose secret is ours was declared with
        it; any other is asked for."""
        if self._context.adopts(part) or self._users.get(name) != user_arn(
            self._context.scope.options, part.options
        ):
            return False
        return part.secret in made or self._has_our_tag(part.options.user)

    def _has_our_tag(self, user: str) -> bool:
        resource = self._ask(
            f"whose IAM user {user} is",
            "these credentials need iam:GetUser",
            lambda: aws.iam.get_user(user_name=user, opts=self._opts),
        )
        return bool((resource.tags or {}).get(STACK_TAG) == self._context.stack)

    def _ask(self, what: str, hint: str, question: Callable[[], Any]) -> Any:
        """A person's sentence in place of a stack trace, with AWS's code and not its text."""
        try:
            return question()
        except Exception as error:  # noqa: BLE001 -- the SDK raises nothing narrower
            code = _CODE.search(str(error))
            answer = f"it said {code[1]}" if code else "it gave no answer"
            connection = self._context.scope.connection
            raise refused(
                f"connection {connection}: AWS did not say {what}: {answer}; {hint}"
            ) from None
