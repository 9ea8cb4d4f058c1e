"""Everything of one Vault connection: mounts, the runner's login, a policy and a token role per
permission set. Never a secret id, never a value."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_vault as vault

from infra.names import renamed
from infra.vault_existing import made_by
from infra.vault_ready import Ready, ready
from infra.vault_stores import Mounts
from providers.vault.hcl import entity_of
from providers.vault.options import ConnectionOptions
from providers.vault.stack import LOGIN_MAX_S, LOGIN_S, SESSION_S, approle_mounts, policy_name
from rotation.interfaces import Part
from rotation.permissions.naming import place

__all__ = ["declare", "ready"]

ENTITY = re.compile(r'(?<=/)ENTITY-OF-[^/"]+')


def declare(ready: Ready) -> dict[str, Any]:
    """Returns what the runner has to know of it, and what other stacks may."""
    below = pulumi.ResourceOptions(provider=ready.provider)
    Mounts(ready, below)
    logins = Logins(ready, below)
    entities = Entities(ready, below)
    policies = Policies(ready, entities, below)
    Runner(ready, logins, policies, below)
    Consumers(ready, logins, entities, policies, below)
    _audit(ready)
    return {"bindings": {"roles": dict(ready.roles)}}


def _audit(ready: Ready) -> None:
    """Vault has audit devices in its root namespace alone."""
    connection, file = place(ready.scope), ready.settings.audit_file
    if file and ready.scope.options.namespace is None:
        vault.Audit(
            f"{connection}-audit",
            type="file",
            path=ready.scope.called(connection),
            options={"file_path": file},
            opts=pulumi.ResourceOptions(provider=ready.provider, protect=ready.is_needed),
        )


class Logins(pulumi.ComponentResource):
    """Where the runner and the applications log in by AppRole. backends: by path."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Logins", place(ready.scope), None, opts)
        self._ready = ready
        self.backends = {path: self._backend(path) for path in sorted(approle_mounts(ready.scope))}
        self.register_outputs({})

    def _backend(self, path: str) -> vault.AuthBackend:
        adopted = f"auth/{path}" in self._ready.settings.adopt
        name = f"{place(self._ready.scope)}-{path.replace('/', '-')}"
        backend = vault.AuthBackend(
            name,
            type="approle",
            path=path,
            description=None if adopted else made_by(self._ready.scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=self._ready.needs_logins(path),
                retain_on_delete=True,
                import_=path if adopted else None,
                ignore_changes=["description"] if adopted else None,
            ),
        )
        if not adopted:
            self._never_locks(name, backend)
        return backend

    def _never_locks(self, name: str, backend: vault.AuthBackend) -> None:
        """Nobody guesses a secret id; but consumers whose secret id an emergency just destroyed keep
        trying it, and five refusals would lock the role for its successor too."""
        vault.generic.Endpoint(
            name,
            path=backend.path.apply(lambda path: f"sys/auth/{path}/tune"),
            data_json=json.dumps({"user_lockout_config": {"lockout_disable": True}}),
            disable_read=True,
            disable_delete=True,
            opts=pulumi.ResourceOptions(parent=backend),
        )


class Entities(pulumi.ComponentResource):
    """What Vault knows the logins of a rotated AppRole as, made before the first login so that an
    emergency's policy names that one and no other. ids: by what stands for them in the policies."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Entities", place(ready.scope), None, opts)
        self._ready = ready
        self.ids: dict[str, pulumi.Input[str]] = {
            **ready.entities,
            **{entity_of(part.options): self._entity(part).id for part in ready.own_roles},
        }
        self.register_outputs({})

    def _entity(self, part: Part) -> vault.identity.Entity:
        """An emergency switches it off and on, and says so in its metadata."""
        mount, role = part.options.mount.replace("/", "-"), part.options.role.lower()
        alive = self._ready.is_alive(part.secret)
        return vault.identity.Entity(
            part.secret,
            name=self._ready.scope.called(mount, role),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=alive,
                retain_on_delete=alive,
                ignore_changes=["disabled", "metadata"],
                aliases=renamed(part),
            ),
        )


class Policies(pulumi.ComponentResource):
    """What each holder may do. names: by holder."""

    def __init__(self, ready: Ready, entities: Entities, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Policies", place(ready.scope), None, opts)
        scope, below = ready.scope, pulumi.ResourceOptions(parent=self)
        self.names = {
            each.holder: vault.Policy(
                f"{place(scope)}-{each.name}",
                name=policy_name(scope, each.name),
                policy=_naming(each.text, entities.ids),
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
        super().__init__("rotation:vault:Runner", place(ready.scope), None, opts)
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
            f"{place(self._ready.scope)}-{under}",
            role_name=self._ready.roles[under],
            allowed_policies=[policy],
            orphan=False,
            renewable=False,
            token_explicit_max_ttl=SESSION_S,
            # A batch token has no such end, is in no list, and cannot be revoked.
            token_type="service",
            token_bound_cidrs=self._cidrs,
            opts=self._below,
        )

    def _login(self, backend: vault.AuthBackend, policy: pulumi.Output[str]) -> None:
        """The secret id is delivered by a person: in Pulumi's state it would be a copy of it."""
        vault.approle.AuthBackendRole(
            f"{place(self._ready.scope)}-runner",
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
        self,
        ready: Ready,
        logins: Logins,
        entities: Entities,
        policies: Policies,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("rotation:vault:Consumers", place(ready.scope), None, opts)
        for part in ready.own_roles:
            alive = ready.is_alive(part.secret)
            backend = logins.backends[part.options.mount]
            kept = pulumi.ResourceOptions(
                parent=self, protect=alive, retain_on_delete=alive, aliases=renamed(part)
            )
            role = vault.approle.AuthBackendRole(
                part.secret,
                backend=backend.path,
                role_name=part.options.role,
                token_policies=[
                    policies.names[h] for h in ready.holders_of(part) if h in policies.names
                ],
                token_ttl=LOGIN_S,
                token_max_ttl=LOGIN_MAX_S,
                opts=kept,
            )
            vault.identity.EntityAlias(
                part.secret,
                name=role.role_id,
                mount_accessor=backend.accessor,
                canonical_id=entities.ids[entity_of(part.options)],
                opts=kept,
            )
        self.register_outputs({})


def _naming(text: str, ids: Mapping[str, pulumi.Input[str]]) -> pulumi.Input[str]:
    """A policy with the ids of the entities that it is about."""
    if ENTITY.search(text) is None:
        return text
    return pulumi.Output.all(**ids).apply(
        lambda known: ENTITY.sub(lambda unknown: str(known[unknown[0]]), text)
    )
