"""The settings of one connection's stack, beside the configuration, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions, KvOptions
from rotation.interfaces import Part, PolicyDocument, Scope
from rotation.permissions.naming import require_length
from rotation.types import PermissionSet

POLICY_MAX = 128

# Versions of a secret; a rollback, a grace period and a soak still need some of them.
VERSIONS = 10

SESSION_S = 900
LOGIN_S, LOGIN_MAX_S = 1_200, 14_400


@dataclass(frozen=True, kw_only=True)
class VaultStackOptions:
    """Every default is safe."""

    runner_cidrs: tuple[str, ...] = field(
        default=(), metadata={"doc": "networks that the runner logs in from"}
    )
    audit_file: str = field(
        default="stdout", metadata={"doc": "file of the audit device; empty for none"}
    )
    adopt: tuple[str, ...] = field(
        default=(), metadata={"doc": "ids of AppRoles' secrets and paths of mounts that exist"}
    )


def policy_name(scope: Scope, holder: str) -> str:
    return require_length(scope.called(holder), POLICY_MAX, "a policy")


def made_for(scope: Scope) -> str:
    """The prefix of our mounts' description: a mount has no other place for it."""
    return f"made by rotation {scope.installation}, stack "


def kv_mounts(scope: Scope) -> set[str]:
    stored = [part.options for part in scope.parts if isinstance(part.options, KvOptions)]
    return {path for each in stored for path in (each.mount, each.staging)}


def approle_mounts(scope: Scope) -> set[str]:
    """The mount where the runner logs in, and those of the roles that are rotated."""
    options = [each.options for each in scope.parts if isinstance(each.options, AppRoleOptions)]
    login = {scope.options.mount} if scope.options.auth == "approle" else set()
    return login | {each.mount for each in options}


def role_names(scope: Scope) -> dict[str, str]:
    """The roles of the sets that are needed. A name from the configuration is used as it is."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): scope.options.roles.get(under, scope.called(under))
        for under in PermissionSet
        if under in needed
    }


def documents(scope: Scope) -> list[PolicyDocument]:
    """The policies with the token roles that the stack makes. Raises UsageError where a name is too
    long."""
    options = replace(scope.options, roles=role_names(scope))
    written = HclRenderer().documents(replace(scope, options=options))
    for each in written:
        policy_name(scope, each.name)
    return written


@dataclass(frozen=True, kw_only=True)
class Living:
    """What is still needed, by the states of the secrets. states: by secret."""

    scope: Scope
    settings: VaultStackOptions
    states: Mapping[str, str]

    @property
    def own_roles(self) -> list[Part]:
        """The AppRoles that are rotated and that the stack makes."""
        return [
            part
            for part in self.scope.parts
            if isinstance(part.options, AppRoleOptions) and part.secret not in self.settings.adopt
        ]

    def is_alive(self, secret: str) -> bool:
        return self.states[secret] != "retired"

    @property
    def is_needed(self) -> bool:
        """Whether the runner still has something to do here."""
        return any(self.is_alive(part.secret) for part in self.scope.parts)

    def needs_kv(self, path: str) -> bool:
        """The staging mount is needed as long as any secret is alive."""
        stored = [part for part in self.scope.parts if isinstance(part.options, KvOptions)]
        alive = [part for part in stored if self.is_alive(part.secret)]
        if any(part.options.staging == path for part in stored):
            return bool(alive)
        return any(part.options.mount == path for part in alive)

    def needs_logins(self, path: str) -> bool:
        options = self.scope.options
        if path == options.mount and options.auth == "approle":
            return self.is_needed
        return any(
            self.is_alive(part.secret)
            for part in self.scope.parts
            if isinstance(part.options, AppRoleOptions) and part.options.mount == path
        )

    def holders_of(self, part: Part) -> tuple[str, str]:
        """The holders whose policies an AppRole's logins get."""
        return "consumer", f"read-{part.application}-{part.environment}"
