"""Everything of one Vault connection: mounts, the runner's login, a policy and a token role per
permission set. Never a secret id, never a value."""

from typing import Any

import pulumi
import pulumi_vault as vault

from infra.names import renamed
from infra.vault_existing import approle_mounts, made_by, policy_name
from infra.vault_ready import Ready, ready
from infra.vault_stores import Mounts
from providers.vault.options import AppRoleOptions, ConnectionOptions

__all__ = ["declare", "ready"]

SESSION_S = 900
LOGIN_S, LOGIN_MAX_S = 1_200, 14_400


def declare(ready: Ready) -> dict[str, Any]:
    """Returns what the runner has to know of it."""
    below = pulumi.ResourceOptions(provider=ready.provider)
    Mounts(ready, below)
    logins = Logins(ready, below)
    policies = Policies(ready, below)
    Runner(ready, logins, policies, below)
    Consumers(ready, logins, policies, below)
    _audit(ready)
    return {"roles": dict(ready.roles)}


def _audit(ready: Ready) -> None:
    """Vault has audit devices in its root namespace alone."""
    connection, file = ready.scope.connection, ready.settings.audit_file
    if file and ready.scope.options.namespace is None:
        vault.Audit(
            f"{connection}-audit",
            type="file",
            path=f"rotation-{connection}",
            options={"file_path": file},
            opts=pulumi.ResourceOptions(provider=ready.provider, protect=ready.is_needed),
        )


class Logins(pulumi.ComponentResource):
    """Where the runner and the applications log in by AppRole. backends: by path."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Logins", ready.scope.connection, None, opts)
        self._ready = ready
        self.backends = {path: self._backend(path) for path in sorted(approle_mounts(ready.scope))}
        self.register_outputs({})

    def _backend(self, path: str) -> vault.AuthBackend:
        adopted = f"auth/{path}" in self._ready.settings.adopt
        return vault.AuthBackend(
            f"{self._ready.scope.connection}-{path.replace('/', '-')}",
            type="approle",
            path=path,
            description=None if adopted else made_by(self._ready.scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=self._is_needed(path),
                retain_on_delete=True,
                import_=path if adopted else None,
                ignore_changes=["description"] if adopted else None,
            ),
        )

    def _is_needed(self, path: str) -> bool:
        ready = self._ready
        if path == ready.scope.options.mount and ready.scope.options.auth == "approle":
            return ready.is_needed
        return any(
            ready.is_alive(part.secret)
            for part in ready.scope.parts
            if isinstance(part.options, AppRoleOptions) and part.options.mount == path
        )


class Policies(pulumi.ComponentResource):
    """What each holder may do. names: by holder."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Policies", ready.scope.connection, None, opts)
        scope, below = ready.scope, pulumi.ResourceOptions(parent=self)
        self.names = {
            each.holder: vault.Policy(
                f"{scope.connection}-{each.name}",
                name=policy_name(scope, each.name),
                policy=each.text,
                opts=below,
            ).name
            for each in ready.documents
        }
        self.register_outputs({})


class Runner(pulumi.ComponentResource):
    """How the runner logs in, and a token role for each permission set."""

    def __init__(
        self, ready: Ready, logins: Logins, policies: Policies, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("rotation:vault:Runner", ready.scope.connection, None, opts)
        self._ready = ready
        self._cidrs = list(ready.settings.runner_cidrs) or None
        self._below = pulumi.ResourceOptions(parent=self)
        for under in ready.roles:
            if under in policies.names:
                self._token_role(under, policies.names[under])
        options: ConnectionOptions = ready.scope.options
        if options.auth == "approle" and "base" in policies.names:
            self._login(logins.backends[options.mount], policies.names["base"])
        self.register_outputs({"roles": dict(ready.roles)})

    def _token_role(self, under: str, policy: pulumi.Output[str]) -> None:
        vault.tokenauth.AuthBackendRole(
            f"{self._ready.scope.connection}-{under}",
            role_name=self._ready.roles[under],
            allowed_policies=[policy],
            orphan=False,
            renewable=False,
            token_explicit_max_ttl=SESSION_S,
            token_bound_cidrs=self._cidrs,
            opts=self._below,
        )

    def _login(self, backend: vault.AuthBackend, policy: pulumi.Output[str]) -> None:
        """The secret id is delivered by a person: in Pulumi's state it would be a copy of it."""
        vault.approle.AuthBackendRole(
            f"{self._ready.scope.connection}-runner",
            backend=backend.path,
            role_name=self._ready.login,
            role_id=self._ready.scope.options.role,
            token_policies=[policy],
            token_ttl=LOGIN_S,
            token_max_ttl=LOGIN_MAX_S,
            token_bound_cidrs=self._cidrs,
            secret_id_bound_cidrs=self._cidrs,
            secret_id_num_uses=0,
            opts=self._below,
        )


class Consumers(pulumi.ComponentResource):
    """The AppRoles whose secret ids are rotated, with what their application may read. Never a
    secret id: the runner makes those."""

    def __init__(
        self, ready: Ready, logins: Logins, policies: Policies, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("rotation:vault:Consumers", ready.scope.connection, None, opts)
        for part in ready.scope.parts:
            if isinstance(part.options, AppRoleOptions) and part.secret not in ready.settings.adopt:
                alive = ready.is_alive(part.secret)
                holders = ("consumer", f"read-{part.application}-{part.environment}")
                vault.approle.AuthBackendRole(
                    part.secret,
                    backend=logins.backends[part.options.mount].path,
                    role_name=part.options.role,
                    token_policies=[policies.names[h] for h in holders if h in policies.names],
                    token_ttl=LOGIN_S,
                    token_max_ttl=LOGIN_MAX_S,
                    opts=pulumi.ResourceOptions(
                        parent=self, protect=alive, retain_on_delete=alive, aliases=renamed(part)
                    ),
                )
        self.register_outputs({})
