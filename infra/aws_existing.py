"""What an account holds already, and whether it is the account that was meant: asked at preview."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws_stores import Surroundings
from infra.settings import refused
from providers.aws.arns import user_arn
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from rotation.interfaces import Part, Scope

STACK_TAG = "rotation:stack"

_CODE = re.compile(r"api error (\w+)")


@dataclass(frozen=True, kw_only=True)
class Existing:
    """secrets: name -> ARN of those that this stack did not make and is to take in."""

    secrets: Mapping[str, str]


def assert_account(scope: Scope, provider: aws.Provider) -> None:
    account = scope.options.account
    told = _ask(
        scope,
        "whose credentials these are",
        f"log in for account {account}, or name the profile in the connection",
        lambda: aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)),
    )
    if told.account_id != account:
        raise refused(
            f"connection {scope.connection} is account {account}, but these credentials are of "
            "another one"
        )


def existing(around: Surroundings, provider: aws.Provider) -> Existing:
    """One that is there, and is neither adopted nor ours, would fail in the middle of an apply."""
    stored = _parts(around, SecretsManagerOptions, lambda options: options.name)
    rotated = _parts(around, AccessKeyOptions, lambda options: options.user.lower())
    secrets = _secrets(around, provider) if stored else {}
    ours = _secrets(around, provider, ours=True) if stored else {}
    users = _users(around, provider) if rotated else {}
    made = {stored[name].secret for name in ours if name in stored}
    problems = [
        *_problems(around, "secret", stored, secrets.keys(), ours.keys()),
        *_problems(
            around, "IAM user", rotated, users.keys(),
            _our_users(around, rotated, users, made, provider),
        ),
        *_elsewhere(around, rotated, users),
    ]  # fmt: skip
    if problems:
        raise refused(*problems)
    return Existing(secrets={name: arn for name, arn in secrets.items() if name not in ours})


def _problems(
    around: Surroundings,
    what: str,
    wanted: Mapping[str, Part],
    there: Collection[str],
    ours: Collection[str],
) -> Iterator[str]:
    for name, part in sorted(wanted.items()):
        if around.adopts(part) and name not in there:
            yield f"rotation:adopt names {part.secret}, but there is no such {what} {name}"
        elif not around.adopts(part) and name in there and name not in ours:
            yield f"{what} {name} exists already: {part.secret} in rotation:adopt takes it in"


def _secrets(around: Surroundings, provider: aws.Provider, *, ours: bool = False) -> dict[str, str]:
    tags = {"tag-key": STACK_TAG, "tag-value": around.stack} if ours else {}
    filters = [
        aws.secretsmanager.GetSecretsFilterArgs(name=name, values=[value])
        for name, value in tags.items()
    ]
    asked = pulumi.InvokeOptions(provider=provider)
    told = _ask(
        around.scope,
        "which secrets there are",
        "these credentials need secretsmanager:ListSecrets",
        lambda: aws.secretsmanager.get_secrets(filters=filters or None, opts=asked),
    )
    return dict(zip(told.names, told.arns, strict=True))


def _users(around: Surroundings, provider: aws.Provider) -> dict[str, str]:
    """Of the whole account: IAM knows a name once, whatever its path and case."""
    told = _ask(
        around.scope,
        "which IAM users there are",
        "these credentials need iam:ListUsers",
        lambda: aws.iam.get_users(opts=pulumi.InvokeOptions(provider=provider)),
    )
    return {arn.rpartition("/")[2].lower(): arn for arn in told.arns}


def _our_users(
    around: Surroundings,
    rotated: Mapping[str, Part],
    users: Mapping[str, str],
    made: Collection[str],
    provider: aws.Provider,
) -> set[str]:
    """A list of users tells no tags. One at its own path whose secret is ours was declared with it;
    any other is asked for."""
    ours = set()
    for name, part in rotated.items():
        arn = users.get(name)
        if arn is None or around.adopts(part):
            continue
        if arn == user_arn(around.scope.options, part.options) and (
            part.secret in made or _is_ours(around, part, provider)
        ):
            ours.add(name)
    return ours


def _elsewhere(
    around: Surroundings, rotated: Mapping[str, Part], users: Mapping[str, str]
) -> Iterator[str]:
    """Policies name a user by its path: with another one they would be of no use."""
    for name, part in rotated.items():
        told = users.get(name)
        if told is not None and around.adopts(part):
            path = told.partition(":user")[2][: -len(name)]
            if path != part.options.path:
                yield f"IAM user {part.options.user} is at {path}: {part.secret} needs `path: {path}`"


def _is_ours(around: Surroundings, part: Part, provider: aws.Provider) -> bool:
    user, asked = part.options.user, pulumi.InvokeOptions(provider=provider)
    told = _ask(
        around.scope,
        f"whose IAM user {user} is",
        "these credentials need iam:GetUser",
        lambda: aws.iam.get_user(user_name=user, opts=asked),
    )
    return bool((told.tags or {}).get(STACK_TAG) == around.stack)


def _parts(around: Surroundings, kind: type[Any], name: Any) -> dict[str, Part]:
    return {
        name(part.options): part for part in around.scope.parts if isinstance(part.options, kind)
    }


def _ask(scope: Scope, what: str, hint: str, question: Callable[[], Any]) -> Any:
    """A person's sentence in place of a stack trace, with AWS's code and not its text."""
    try:
        return question()
    except Exception as error:  # noqa: BLE001 -- the SDK raises nothing narrower
        code = _CODE.search(str(error))
        told = f"it said {code[1]}" if code else "it gave no answer"
        raise refused(
            f"connection {scope.connection}: AWS did not say {what}: {told}; {hint}"
        ) from None
