"""Everything of one Vault connection: mounts, the runner's login, a policy and a token role per
permission set. Never a secret id, never a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_vault as vault

from infra.names import POLICY_MAX, fitting, renamed
from infra.settings import Settings, refused
from infra.vault_existing import (
    approle_mounts,
    assert_cluster,
    assert_existing,
    assert_surroundings,
    made_by,
)
from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions, ConnectionOptions, KvOptions
from rotation.errors import Usage
from rotation.interfaces import Part, PolicyDocument, Scope
from rotation.types import PermissionSet

SESSION_S = 900
LOGIN_S, LOGIN_MAX_S = 1_200, 14_400
VERSIONS = 10
"""Of a secret: what a roll back, a grace and a soak still need is among them."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A connection that was looked at: nothing stands in the way of declaring it. roles: names of
    token roles by permission set."""

    scope: Scope
    settings: Settings
    states: Mapping[str, str]
    provider: vault.Provider
    roles: Mapping[str, str]
    documents: Sequence[PolicyDocument]

    @property
    def login(self) -> str:
        """The runner's AppRole."""
        return f"rotation-{self.scope.installation}"

    def is_alive(self, secret: str) -> bool:
        return self.states[secret] != "retired"

    @property
    def is_needed(self) -> bool:
        """The runner still has something to do here."""
        return any(self.is_alive(part.secret) for part in self.scope.parts)


def ready(scope: Scope, settings: Settings, states: Mapping[str, str]) -> Ready:
    """Everything that can be refused is refused here: what is declared meanwhile, `pulumi up` would
    make."""
    options: ConnectionOptions = scope.options
    assert_surroundings(scope)
    roles = _role_names(scope)
    documents = _rendered(scope, roles)
    for each in documents:
        fitting(_policy_name(scope, each), POLICY_MAX, "a policy")
    provider = vault.Provider(
        f"vault-{scope.connection}",
        address=options.address,
        ca_cert_file=options.ca_bundle,
        namespace=options.namespace,
    )
    assert_cluster(scope, provider)
    assert_existing(scope, settings, provider)
    return Ready(
        scope=scope,
        settings=settings,
        states=states,
        provider=provider,
        roles=roles,
        documents=documents,
    )


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


class Mounts(pulumi.ComponentResource):
    """Where the secrets are, and where values wait until they are promoted."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Mounts", ready.scope.connection, None, opts)
        self._ready = ready
        stored = [part for part in ready.scope.parts if isinstance(part.options, KvOptions)]
        alive = {part.options.mount for part in stored if ready.is_alive(part.secret)}
        for mount in sorted({part.options.mount for part in stored}):
            self._mount(mount, VERSIONS, alive=mount in alive)
        for mount in sorted({part.options.staging for part in stored}):
            self._mount(mount, 1, alive=bool(alive))
        for part in stored:
            Secret(part, self, alive=ready.is_alive(part.secret))
        self.register_outputs({})

    def _mount(self, path: str, versions: int, *, alive: bool) -> None:
        """Other writers of a mount that exists may not know compare-and-set: it is taken in as it
        is."""
        adopted = path in self._ready.settings.adopt
        name = f"{self._ready.scope.connection}-{path.replace('/', '-')}"
        mount = vault.Mount(
            name,
            path=path,
            type="kv",
            options={"version": "2"},
            description=None if adopted else made_by(self._ready.scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=alive,
                # Others may write there too, and nothing brings back what was unmounted.
                retain_on_delete=True,
                import_=path if adopted else None,
                ignore_changes=["description", "options"] if adopted else None,
            ),
        )
        if not adopted:
            vault.kv.SecretBackendV2(
                name,
                mount=mount.path,
                cas_required=True,
                max_versions=versions,
                opts=pulumi.ResourceOptions(parent=mount),
            )


class Secret(pulumi.ComponentResource):
    """Stands for a secret in KV, which can be no resource: that would hold its value. A line that
    goes before its secret is retired fails the preview."""

    def __init__(self, part: Part, mounts: Mounts, *, alive: bool) -> None:
        opts = pulumi.ResourceOptions(parent=mounts, protect=alive, aliases=renamed(part))
        super().__init__("rotation:vault:Secret", part.secret, None, opts)
        self.register_outputs({"path": f"{part.options.mount}/{part.options.path}"})


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
                name=_policy_name(scope, each),
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


def _role_names(scope: Scope) -> dict[str, str]:
    """Of the sets that are needed. A name that the configuration gives is made under that name."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): scope.options.roles.get(under, f"rotation-{scope.installation}-{under}")
        for under in PermissionSet
        if under in needed
    }


def _policy_name(scope: Scope, document: PolicyDocument) -> str:
    return f"rotation-{scope.installation}-{document.name}"


def _rendered(scope: Scope, roles: Mapping[str, str]) -> list[PolicyDocument]:
    options = replace(scope.options, roles=roles)
    try:
        return list(HclRenderer().documents(replace(scope, options=options)))
    except Usage as error:
        raise refused(f"connection {scope.connection}: {error.message}; {error.hint}") from None
