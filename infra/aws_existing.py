"""What an account holds already, and whether it is the account that was meant: asked at preview."""

from collections.abc import Collection, Iterator, Mapping
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


@dataclass(frozen=True, kw_only=True)
class Existing:
    """secrets: name -> ARN of those that this stack did not make and is to take in."""

    secrets: Mapping[str, str]


def assert_account(scope: Scope, provider: aws.Provider) -> None:
    account = scope.options.account
    with_them = f"log in for account {account}, or name the profile in the connection"
    told = _ask(
        f"connection {scope.connection}: AWS takes no credentials from here: {with_them}",
        lambda opts: aws.get_caller_identity(opts=opts),
        provider,
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
    told = _ask(
        f"connection {around.scope.connection}: these credentials may not list secrets",
        lambda opts: aws.secretsmanager.get_secrets(filters=filters or None, opts=opts),
        provider,
    )
    return dict(zip(told.names, told.arns, strict=True))


def _users(around: Surroundings, provider: aws.Provider) -> dict[str, str]:
    """Of the whole account: IAM knows a name once, whatever its path and case."""
    told = _ask(
        f"connection {around.scope.connection}: these credentials may not list IAM users",
        lambda opts: aws.iam.get_users(opts=opts),
        provider,
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


def _is_ours(around: Surroundings, part: Part, provider: aws.Provider) -> bool:
    told = _ask(
        f"connection {around.scope.connection}: these credentials may not look at IAM user "
        f"{part.options.user}",
        lambda opts: aws.iam.get_user(user_name=part.options.user, opts=opts),
        provider,
    )
    return bool(told.tags.get(STACK_TAG) == around.stack)


def _parts(around: Surroundings, kind: type[Any], name: Any) -> dict[str, Part]:
    return {
        name(part.options): part for part in around.scope.parts if isinstance(part.options, kind)
    }


def _ask(otherwise: str, question: Any, provider: aws.Provider) -> Any:
    """A person's sentence in place of a stack trace; what AWS said, the provider has printed."""
    try:
        return question(pulumi.InvokeOptions(provider=provider))
    except Exception:  # noqa: BLE001 -- the SDK raises nothing narrower
        raise refused(otherwise) from None
