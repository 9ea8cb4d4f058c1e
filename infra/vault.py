"""Everything of one Vault connection: mounts, the runner's login, a policy and a token role per
permission set. Never a secret id, never a value."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_vault as vault

from infra.names import POLICY_MAX, fitting
from infra.settings import Settings, refused
from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions, ConnectionOptions, KvOptions
from rotation.errors import Usage
from rotation.interfaces import PolicyDocument, Scope
from rotation.types import PermissionSet

SESSION_S = 900
LOGIN_S, LOGIN_MAX_S = 1_200, 14_400
VERSIONS = 10
"""Of a secret: what a roll back, a grace and a soak still need is among them."""


def declare(scope: Scope, settings: Settings, states: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the runner has to know of it."""
    options: ConnectionOptions = scope.options
    _assert_surroundings(scope)
    provider = vault.Provider(
        f"vault-{scope.connection}",
        address=options.address,
        ca_cert_file=options.ca_bundle,
        namespace=options.namespace,
    )
    _assert_mounts(scope, settings, provider)
    below = pulumi.ResourceOptions(provider=provider)
    Mounts(scope, settings, states, below)
    runner = Runner(scope, settings, below)
    Consumers(scope, settings, states, runner, below)
    if settings.audit_file:
        vault.Audit(
            f"{scope.connection}-audit",
            type="file",
            path=f"rotation-{scope.connection}",
            options={"file_path": settings.audit_file},
            opts=pulumi.ResourceOptions(provider=provider, protect=True),
        )
    return {"roles": runner.roles}


def _assert_surroundings(scope: Scope) -> None:
    """The provider takes a namespace from there where it is given none, and would miss a token only
    in the middle of the preview."""
    namespace = os.environ.get("VAULT_NAMESPACE", "").strip("/")
    if namespace not in ("", scope.options.namespace):
        raise refused(
            f"connection {scope.connection} is in {scope.options.namespace or 'no namespace'}, but "
            f"VAULT_NAMESPACE says {namespace}: unset it"
        )
    if not os.environ.get("VAULT_TOKEN") and not (Path.home() / ".vault-token").is_file():
        raise refused(
            f"connection {scope.connection}: no token for Vault; `vault login`, or set VAULT_TOKEN"
        )


def _assert_mounts(scope: Scope, settings: Settings, provider: vault.Provider) -> None:
    """One that is there, and is neither adopted nor ours, would fail in the middle of an apply."""
    stored = [part.options for part in scope.parts if isinstance(part.options, KvOptions)]
    wanted = {path for each in stored for path in (each.mount, each.staging)}
    if scope.options.auth == "approle":
        wanted.add(f"auth/{scope.options.mount}")
    asked = pulumi.InvokeOptions(provider=provider)
    found = {
        f"{prefix}{path.rstrip('/')}": mount["description"]
        for kind, prefix in (("mounts", ""), ("auth", "auth/"))
        for path, mount in json.loads(
            vault.generic.get_secret(path=f"sys/{kind}", opts=asked).data_json
        ).items()
    }
    ours = {path for path, told in found.items() if told == _made_by(scope)}
    surprising = sorted((wanted & found.keys()) - ours - settings.adopt)
    missing = sorted((wanted & settings.adopt) - found.keys())
    if surprising or missing:
        raise refused(
            *(f"mount {path} exists already: rotation:adopt takes it in" for path in surprising),
            *(f"rotation:adopt names {path}, but there is no such mount" for path in missing),
        )


def _made_by(scope: Scope) -> str:
    """What the description of our mounts says: nothing else of a mount could."""
    return f"made by rotation {scope.installation}"


class Mounts(pulumi.ComponentResource):
    """Where the secrets are, and where values wait until they are promoted."""

    def __init__(
        self, scope: Scope, settings: Settings, states: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        super().__init__("rotation:vault:Mounts", scope.connection, None, opts)
        self._scope = scope
        stored = [part for part in scope.parts if isinstance(part.options, KvOptions)]
        alive = {part.options.mount for part in stored if states[part.secret] != "retired"}
        for mount in sorted({part.options.mount for part in stored}):
            self._mount(mount, VERSIONS, mount in alive, adopted=mount in settings.adopt)
        for mount in sorted({part.options.staging for part in stored}):
            self._mount(mount, 1, bool(alive), adopted=mount in settings.adopt)
        self.register_outputs({})

    def _mount(self, path: str, versions: int, alive: bool, *, adopted: bool) -> None:  # noqa: FBT001
        """Other writers of a mount that exists may not know compare-and-set: it is taken in as it
        is."""
        name = f"{self._scope.connection}-{path.replace('/', '-')}"
        mount = vault.Mount(
            name,
            path=path,
            type="kv",
            options={"version": "2"},
            description=None if adopted else _made_by(self._scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=alive,
                retain_on_delete=alive,
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


class Runner(pulumi.ComponentResource):
    """How the runner logs in, and what each of its tokens may do. roles: by permission set."""

    def __init__(self, scope: Scope, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Runner", scope.connection, None, opts)
        self._scope, self._settings = scope, settings
        self._below = pulumi.ResourceOptions(parent=self)
        self.roles = _role_names(scope, self._prefix)
        documents = _rendered(scope, self.roles)
        policies = {each.name: self._policy(each) for each in documents}
        for under in PermissionSet:
            own = [policies[each.name] for each in documents if each.holder == under]
            if own:
                self._token_role(under, own)
        if scope.options.auth == "approle":
            base = [policies[each.name] for each in documents if each.holder == "base"]
            self._login(base)
        self.policies = policies
        self.register_outputs({"roles": self.roles})

    def _policy(self, document: PolicyDocument) -> pulumi.Output[str]:
        name = f"{self._prefix}-{document.name}"
        made = vault.Policy(
            f"{self._scope.connection}-{document.name}",
            name=fitting(name, POLICY_MAX, "a policy"),
            policy=document.text,
            opts=self._below,
        )
        return made.name

    @property
    def _prefix(self) -> str:
        return f"rotation-{self._scope.installation}"

    def _token_role(self, under: PermissionSet, policies: list[pulumi.Output[str]]) -> None:
        vault.tokenauth.AuthBackendRole(
            f"{self._scope.connection}-{under}",
            role_name=self.roles[under],
            allowed_policies=policies,
            orphan=False,
            renewable=False,
            token_explicit_max_ttl=SESSION_S,
            token_bound_cidrs=list(self._settings.runner_cidrs) or None,
            opts=self._below,
        )

    def _login(self, policies: list[pulumi.Output[str]]) -> None:
        """The secret id is delivered by a person: in Pulumi's state it would be a copy of it."""
        options: ConnectionOptions = self._scope.options
        adopted = f"auth/{options.mount}" in self._settings.adopt
        backend = vault.AuthBackend(
            f"{self._scope.connection}-approle",
            type="approle",
            path=options.mount,
            description=None if adopted else _made_by(self._scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=True,
                retain_on_delete=True,
                import_=options.mount if adopted else None,
                ignore_changes=["description"] if adopted else None,
            ),
        )
        cidrs = list(self._settings.runner_cidrs) or None
        vault.approle.AuthBackendRole(
            f"{self._scope.connection}-runner",
            backend=backend.path,
            role_name=self._prefix,
            role_id=options.role,
            token_policies=policies,
            token_ttl=LOGIN_S,
            token_max_ttl=LOGIN_MAX_S,
            token_bound_cidrs=cidrs,
            secret_id_bound_cidrs=cidrs,
            secret_id_num_uses=0,
            opts=self._below,
        )


class Consumers(pulumi.ComponentResource):
    """The AppRoles whose secret ids are rotated, with what their application may read. Never a
    secret id: the runner makes those."""

    def __init__(
        self, scope: Scope, settings: Settings, states: Mapping[str, str], runner: Runner,
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        super().__init__("rotation:vault:Consumers", scope.connection, None, opts)
        for part in scope.parts:
            if isinstance(part.options, AppRoleOptions) and part.secret not in settings.adopt:
                alive = states[part.secret] != "retired"
                read = runner.policies.get(f"read-{part.application}-{part.environment}")
                vault.approle.AuthBackendRole(
                    part.secret,
                    backend=part.options.mount,
                    role_name=part.options.role,
                    token_policies=[] if read is None else [read],
                    token_ttl=LOGIN_S,
                    token_max_ttl=LOGIN_MAX_S,
                    opts=pulumi.ResourceOptions(
                        parent=self, protect=alive, retain_on_delete=alive, depends_on=[runner]
                    ),
                )
        self.register_outputs({})


def _role_names(scope: Scope, prefix: str) -> dict[str, str]:
    """Of the sets that are needed. A name that the configuration gives is made under that name."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): scope.options.roles.get(under, f"{prefix}-{under}")
        for under in PermissionSet
        if under in needed
    }


def _rendered(scope: Scope, roles: Mapping[str, str]) -> list[PolicyDocument]:
    options = replace(scope.options, roles=roles)
    try:
        return list(HclRenderer().documents(replace(scope, options=options)))
    except Usage as error:
        raise refused(f"connection {scope.connection}: {error.message}; {error.hint}") from None
