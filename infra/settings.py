"""The stack's own configuration, and whether it agrees with the runner's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from rotation.config import ConfigInvalid, Configuration, load
from rotation.errors import RotationError

ROOT = Path(__file__).parents[1]
"""Where Pulumi.yaml is; the program itself runs in `infra/`."""

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,512}", re.ASCII)

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,512}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The keys of `rotation:` in Pulumi.STACK.yaml; Pulumi.yaml says what each means. aws_region,
    aws_accounts: what the provider's own keys say."""

    configuration: Path
    environment: str
    runner: str = ""
    deployer: str = ""
    operators: tuple[str, ...] = ()
    emergency_users: tuple[str, ...] = ()
    emergency_roles: tuple[str, ...] = ()
    readers: tuple[tuple[str, str], ...] = ()
    user_boundary: str = ""
    role_boundary: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    alarms: bool = True
    alarm_emails: tuple[str, ...] = ()
    trail: bool = True
    trail_retention_days: int = 365
    runner_cidrs: tuple[str, ...] = ()
    audit_file: str = "stdout"
    adopt: frozenset[str] = frozenset()
    aws_region: str = ""
    aws_accounts: frozenset[str] = frozenset()


def read() -> Settings:
    given, provider = pulumi.Config(), pulumi.Config("aws")
    if unknown := list(_unknown(given.name)):
        raise refused(*unknown)
    trail, days = given.get_bool("trail"), given.get_int("trailRetentionDays")
    alarms = given.get_bool("alarms")
    audit_file = given.get("auditFile")
    return Settings(
        configuration=ROOT / (given.get("configuration") or "rotation.yaml"),
        environment=given.require("environment"),
        runner=given.get("runner") or "",
        deployer=given.get("deployer") or "",
        operators=_texts(given, "operators"),
        emergency_users=_texts(given, "emergencyUsers"),
        emergency_roles=_texts(given, "emergencyRoles"),
        readers=tuple(_pair(each) for each in _texts(given, "readers")),
        user_boundary=given.get("userBoundary") or "",
        role_boundary=given.get("roleBoundary") or "",
        tags=tuple(_tag(each) for each in _texts(given, "tags")),
        alarms=True if alarms is None else alarms,
        alarm_emails=_texts(given, "alarmEmails"),
        trail=True if trail is None else trail,
        trail_retention_days=365 if days is None else days,
        runner_cidrs=_texts(given, "runnerCidrs"),
        audit_file="stdout" if audit_file is None else audit_file,
        adopt=frozenset(_texts(given, "adopt")),
        aws_region=provider.get("region") or "",
        aws_accounts=frozenset(_texts(provider, "allowedAccountIds")),
    )


def _unknown(namespace: str) -> Iterator[str]:
    """A key that nobody reads is a typo: what it was meant to set would be taken away."""
    known = {_camel(each.name) for each in fields(Settings)} - {"awsRegion", "awsAccounts"}
    for key in sorted({**get_config_env(), **CONFIG.get()}):
        space, _, name = key.partition(":")
        if space == namespace and name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; {namespace}:{near[0]} is meant?" if near else ""
            yield f"{key} is no setting of this program{meant}"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def load_configuration(settings: Settings) -> Configuration:
    """The runner's file, without what an earlier run of this stack told the runner."""
    try:
        return load(settings.configuration, bindings=False)
    except ConfigInvalid as invalid:
        raise refused(*map(str, invalid.findings)) from None
    except RotationError as error:
        raise refused(error.message) from None


def check(settings: Settings, configuration: Configuration) -> None:
    """Everything that disagrees, at once and before any resource is declared."""
    problems = [*_disagreements(settings, configuration), *_missing(settings, configuration)]
    if problems:
        raise refused(*problems)


def refused(*problems: str) -> pulumi.RunError:
    return pulumi.RunError(
        "nothing was declared:\n" + "\n".join(f"  - {each}" for each in problems)
    )


def _texts(given: pulumi.Config, key: str) -> tuple[str, ...]:
    value = given.get_object(key) or []
    if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise refused(f"{given.name}:{key} has to be a list of texts")
    return tuple(value)


def _pair(text: str) -> tuple[str, str]:
    application, _, arn = text.partition("=")
    if not _PRINCIPAL.fullmatch(arn):
        raise refused("rotation:readers: each is APPLICATION=ARN of a role or user")
    return application, arn


def _tag(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not (key and value) or key.lower().startswith(("aws:", "rotation:")):
        raise refused("rotation:tags: each is KEY=VALUE; keys with `rotation:` or `aws:` are taken")
    return key, value


def _disagreements(settings: Settings, configuration: Configuration) -> Iterator[str]:
    elsewhere = {
        entry.environment: entry.id
        for entry in configuration.secrets()
        if entry.environment != settings.environment
    }
    for environment, secret in sorted(elsewhere.items()):
        yield (
            f"secret {secret} is of environment {environment}, this stack builds "
            f"{settings.environment}: one runner, one file and one stack per environment"
        )
    known = {entry.id for entry in configuration.secrets()} | _mounts(configuration)
    for name in sorted(settings.adopt - known):
        now = configuration.renamed.get(name)
        told = f"called {now} now" if now else "no secret and no mount of the configuration"
        yield f"rotation:adopt names {name}, which is {told}"
    yield from _elsewhere(settings, configuration)
    yield from _one_vault_twice(configuration)
    accounts = {each.account for each in _aws(configuration)}
    applications = {entry.application for entry in configuration.secrets()}
    for key, arn in _principals(settings):
        if not _PRINCIPAL.fullmatch(arn):
            yield f"rotation:{key} has to be the ARN of a role or user, without a wildcard"
        elif arn.split(":")[4] not in accounts:
            yield f"rotation:{key} is of an account that no connection of the configuration has"
    for key, arn in (("userBoundary", settings.user_boundary),
                     ("roleBoundary", settings.role_boundary)):  # fmt: skip
        if arn and not _POLICY.fullmatch(arn):
            yield f"rotation:{key} has to be the ARN of a policy"
    for application, _ in settings.readers:
        if application not in applications:
            yield f"rotation:readers names {application}, which has no secret"


def _elsewhere(settings: Settings, configuration: Configuration) -> Iterator[str]:
    """Each connection has a provider of its own, so Pulumi's own settings would be ignored; where
    they say something else, one of the two is not what was meant."""
    connections = _aws(configuration)
    regions = {each.region for each in connections} or {settings.aws_region}
    if settings.aws_region and settings.aws_region not in regions:
        yield f"aws:region is {settings.aws_region}, and no connection of the file is there"
    accounts = {each.account for each in connections} if settings.aws_accounts else set()
    for account in sorted(accounts - settings.aws_accounts):
        yield f"aws:allowedAccountIds leaves out account {account} of the configuration"


def _one_vault_twice(configuration: Configuration) -> Iterator[str]:
    """What is made in Vault has the installation's name, whichever connection it is for."""
    first: dict[tuple[str, str | None], str] = {}
    for name, connection in configuration.connections.items():
        if connection.type != "vault":
            continue
        options = connection.options
        places = [(place, options.namespace) for place in (options.cluster, options.address)]
        others = {first.setdefault(place, name) for place in places} - {name}
        for other in sorted(others):
            yield (
                f"connections {other} and {name} are one Vault and namespace, so policies and roles "
                "of both would have the same names: let the secrets of both use one of them"
            )


def _aws(configuration: Configuration) -> list[Any]:
    """The options of its AWS connections."""
    connections = configuration.connections.values()
    return [each.options for each in connections if each.type == "aws"]


def _principals(settings: Settings) -> Iterator[tuple[str, str]]:
    """Readers may live in other accounts."""
    for key, arns in (
        ("runner", (settings.runner,)),
        ("deployer", (settings.deployer,)),
        ("operators", settings.operators),
        ("emergencyUsers", settings.emergency_users),
        ("emergencyRoles", settings.emergency_roles),
    ):
        yield from ((key, arn) for arn in arns if arn)


def _missing(settings: Settings, configuration: Configuration) -> Iterator[str]:
    if not _aws(configuration):
        return
    for key, why in (
        ("runner", "who may take the runner's roles"),
        ("deployer", "who else may change the tags that permissions hang on"),
    ):
        if not getattr(settings, key):
            yield f"rotation:{key} is missing: {why}"
    if not (settings.emergency_users or settings.emergency_roles):
        yield (
            "who may take the emergency role: name IAM users with MFA in rotation:emergencyUsers, "
            "or roles of your sign-in provider in rotation:emergencyRoles"
        )


def _mounts(configuration: Configuration) -> set[str]:
    """What of Vault may exist already: mounts of secrets, of AppRoles, and of the runner's login."""
    specs = [configuration.specification(entry) for entry in configuration.secrets()]
    kept = {
        str(spec.store.options.get(key, usual))
        for spec in specs
        for key, usual in (("mount", ""), ("staging", "rotation-pending"))
    }
    approles = {
        spec.issuer.options.get("mount", "approle")
        for spec in specs
        if spec.issuer.type == "vault-approle"
    }
    logins = {
        connection.options.mount
        for connection in configuration.connections.values()
        if connection.type == "vault"
    }
    return kept | {f"auth/{path}" for path in approles | logins}
