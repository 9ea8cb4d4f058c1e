"""The stack's own configuration, and whether it agrees with the runner's."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from providers.aws.stack import AwsStackOptions
from providers.vault.stack import VaultStackOptions
from rotation.config import ConfigInvalid, Configuration, load
from rotation.errors import RotationError

ROOT = Path(__file__).parents[1]
"""Where Pulumi.yaml is; the program itself runs in `infra/`."""


@dataclass(frozen=True, kw_only=True)
class Settings(AwsStackOptions, VaultStackOptions):
    """The keys of `rotation:` in Pulumi.STACK.yaml; Pulumi.yaml says what each means. aws_region,
    aws_accounts: what the provider's own keys say."""

    configuration: Path
    environment: str
    aws_region: str = ""
    aws_accounts: frozenset[str] = frozenset()


def read() -> Settings:
    given, provider = pulumi.Config(), pulumi.Config("aws")
    if unknown := list(_unknown(given.name)):
        raise refused(*unknown)
    values = {each.name: _value(given, each) for each in _settings()}
    return Settings(
        configuration=ROOT / (given.get("configuration") or "rotation.yaml"),
        environment=given.require("environment"),
        aws_region=provider.get("region") or "",
        aws_accounts=frozenset(_texts(provider, "allowedAccountIds")),
        **{name: value for name, value in values.items() if value is not None},
    )


def _settings() -> Iterator[Field[Any]]:
    """Those that have a default."""
    return (each for options in (AwsStackOptions, VaultStackOptions) for each in fields(options))


def _value(given: pulumi.Config, setting: Field[Any]) -> Any:
    """None where the stack says nothing of it."""
    key = camel(setting.name)
    match setting.default:
        case bool():
            return given.get_bool(key)
        case int():
            return given.get_int(key)
        case str():
            return given.get(key)
        case _:
            return _texts(given, key) or None


def _unknown(namespace: str) -> Iterator[str]:
    """A key that nobody reads is a typo: what it was meant to set would be taken away."""
    known = {camel(each.name) for each in fields(Settings)} - {"awsRegion", "awsAccounts"}
    for key in sorted({**get_config_env(), **CONFIG.get()}):
        space, _, name = key.partition(":")
        if space == namespace and name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; {namespace}:{near[0]} is meant?" if near else ""
            yield f"{key} is no setting of this program{meant}"


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def load_configuration(settings: Settings) -> Configuration:
    """The runner's file, without what an earlier run of this stack wrote for the runner."""
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
    for name in sorted(set(settings.adopt) - known):
        now = configuration.renamed.get(name)
        fate = f"called {now} now" if now else "no secret and no mount of the configuration"
        yield f"rotation:adopt names {name}, which is {fate}"
    yield from _elsewhere(settings, configuration)
    yield from _one_vault_twice(configuration)
    applications = {entry.application for entry in configuration.secrets()}
    for key, wrong in settings.mistakes(_aws(configuration), applications):
        yield f"rotation:{camel(key)}{wrong}"


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
    for name, options in _vaults(configuration).items():
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


def _vaults(configuration: Configuration) -> dict[str, Any]:
    """The options of its Vault connections, by name."""
    connections = configuration.connections.items()
    return {name: each.options for name, each in connections if each.type == "vault"}


def _missing(settings: Settings, configuration: Configuration) -> Iterator[str]:
    if _aws(configuration):
        yield from (f"rotation:{camel(key)}{why}" for key, why in settings.missing())


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
    logins = {options.mount for options in _vaults(configuration).values()}
    return kept | {f"auth/{path}" for path in approles | logins}
