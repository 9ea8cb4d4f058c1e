"""A whole stack for one connection, the same as `infra/` declares, for use without it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.vault.hcl import entity_of
from providers.vault.options import AppRoleOptions, KvOptions
from providers.vault.stack import (
    LOGIN_MAX_S,
    LOGIN_S,
    SESSION_S,
    VERSIONS,
    Living,
    VaultStackOptions,
    approle_mounts,
    documents,
    kv_mounts,
    made_for,
    policy_name,
    role_names,
)
from rotation.interfaces import Part, Scope
from rotation.permissions.naming import place
from rotation.permissions.resources import Document, Made, Ref, Resource

MAKER = "terraform"

# For existing logins: Terraform looks up what is not known.
LOOKED_UP = "data.vault_auth_backend"


class VaultStack:
    """What `rotation policy vault --stack` prints."""

    source, version = "hashicorp/vault", ">= 4.0"
    options = VaultStackOptions

    def mistakes(self, settings: VaultStackOptions, scopes: Sequence[Scope]) -> Iterator[str]:
        known = {part.secret for scope in scopes for part in scope.parts}
        for scope in scopes:
            known |= kv_mounts(scope) | {f"auth/{path}" for path in approle_mounts(scope)}
        for name in settings.adopt:
            if name not in known:
                yield f"`adopt` names {name}, which is no secret and no mount of the configuration"

    def made(self, scope: Scope, settings: VaultStackOptions, states: Mapping[str, str]) -> Made:
        whole = _Whole(Living(scope=scope, settings=settings, states=states))
        options = scope.options
        provider = {
            "address": options.address,
            "ca_cert_file": options.ca_bundle,
            "namespace": options.namespace,
        }
        return Made(
            scope=scope,
            resources=tuple(whole.resources()),
            provider={key: value for key, value in provider.items() if value is not None},
            to_come=whole.to_come,
            bindings={"roles": role_names(scope)},
        )


class _Whole:
    def __init__(self, living: Living) -> None:
        self._living = living
        self._scope, self._settings = living.scope, living.settings
        self._name = place(living.scope)
        self._cidrs = list(living.settings.runner_cidrs)
        self._documents = documents(living.scope)
        self.to_come = {
            entity_of(part.options): Ref("vault_identity_entity", part.secret, "id")
            for part in living.own_roles
        }

    def resources(self) -> Iterator[Resource]:
        yield from self._mounts()
        for path in sorted(approle_mounts(self._scope)):
            yield from self._logins(path)
        yield from self._policies()
        yield from self._runner()
        for part in self._living.own_roles:
            yield from self._consumer(part)
        if self._settings.audit_file and self._scope.options.namespace is None:
            yield Resource(
                type="vault_audit",
                name=f"{self._name}-audit",
                kept=self._living.is_needed,
                inputs={
                    "type": "file",
                    "path": self._scope.called(self._name),
                    "options": {"file_path": self._settings.audit_file},
                },
            )

    def _mounts(self) -> Iterator[Resource]:
        parts = [part.options for part in self._scope.parts]
        staging = {each.staging for each in parts if isinstance(each, KvOptions)}
        for path in sorted(kv_mounts(self._scope) - set(self._settings.adopt)):
            mount = Resource(
                type="vault_mount",
                name=self._called(path),
                kept=True,
                inputs={
                    "path": path,
                    "type": "kv",
                    "options": {"version": "2"},
                    "description": self._made_by,
                },
            )
            yield mount
            yield Resource(
                type="vault_kv_secret_backend_v2",
                name=mount.name,
                inputs={
                    "mount": mount.ref("path"),
                    "cas_required": True,
                    "max_versions": 1 if path in staging else VERSIONS,
                },
            )

    def _logins(self, path: str) -> Iterator[Resource]:
        if f"auth/{path}" in self._settings.adopt:
            yield Resource(type=LOOKED_UP, name=self._called(path), inputs={"path": path})
            return
        backend = Resource(
            type="vault_auth_backend",
            name=self._called(path),
            kept=True,
            inputs={"type": "approle", "path": path, "description": self._made_by},
        )
        yield backend
        tune = json.dumps({"user_lockout_config": {"lockout_disable": True}})
        yield Resource(
            type="vault_generic_endpoint",
            name=backend.name,
            after=((backend.type, backend.name),),
            inputs={
                "path": f"sys/auth/{path}/tune",
                "data_json": tune,
                "disable_read": True,
                "disable_delete": True,
            },
        )

    def _policies(self) -> Iterator[Resource]:
        for each in self._documents:
            remark = self._remark(each.text, each.remark)
            document = Document(
                name=each.name, kind="policy", holder=each.holder, content=each.text, remark=remark
            )
            yield Resource(
                type="vault_policy",
                name=f"{self._name}-{each.name}",
                inputs={"name": policy_name(self._scope, each.name), "policy": document},
            )

    def _remark(self, text: str, remark: str) -> str:
        """Without those whose entities are made beside them."""
        for stand_in in self.to_come:
            text = text.replace(f'{stand_in}"', "")
        return remark if "ENTITY-OF-" in text else ""

    def _runner(self) -> Iterator[Resource]:
        options, holders = self._scope.options, {each.holder for each in self._documents}
        for under, role in role_names(self._scope).items():
            if under in holders:
                yield Resource(
                    type="vault_token_auth_backend_role",
                    name=f"{self._name}-{under}",
                    inputs={
                        "role_name": role,
                        "allowed_policies": [self._policy(under)],
                        "orphan": False,
                        "renewable": False,
                        "token_explicit_max_ttl": SESSION_S,
                        "token_type": "service",
                        "token_bound_cidrs": self._cidrs,
                    },
                )
        if options.auth == "approle" and "base" in holders:
            yield self._app_role(
                f"{self._name}-runner",
                options.mount,
                {
                    "role_name": self._scope.called(),
                    "role_id": options.role,
                    "token_policies": [self._policy("base")],
                    "token_bound_cidrs": self._cidrs,
                    "secret_id_bound_cidrs": self._cidrs,
                    "secret_id_num_uses": 0,
                },
            )

    def _consumer(self, part: Part) -> Iterator[Resource]:
        options: AppRoleOptions = part.options
        alive = self._living.is_alive(part.secret)
        holders = {each.holder for each in self._documents}
        entity = Resource(
            type="vault_identity_entity",
            name=part.secret,
            kept=alive,
            changed=("disabled", "metadata"),
            inputs={
                "name": self._scope.called(options.mount.replace("/", "-"), options.role.lower())
            },
        )
        yield entity
        role = self._app_role(
            part.secret,
            options.mount,
            {
                "role_name": options.role,
                "token_policies": [
                    self._policy(each) for each in self._living.holders_of(part) if each in holders
                ],
            },
            kept=alive,
        )
        yield role
        yield Resource(
            type="vault_identity_entity_alias",
            name=part.secret,
            kept=alive,
            inputs={
                "name": role.ref("role_id"),
                "mount_accessor": self._accessor(options.mount),
                "canonical_id": entity.ref("id"),
            },
        )

    def _app_role(
        self, name: str, mount: str, inputs: dict[str, Any], *, kept: bool = False
    ) -> Resource:
        return Resource(
            type="vault_approle_auth_backend_role",
            name=name,
            kept=kept,
            inputs={
                "backend": self._backend(mount, "path") or mount,
                **inputs,
                "token_ttl": LOGIN_S,
                "token_max_ttl": LOGIN_MAX_S,
            },
        )

    def _accessor(self, mount: str) -> Ref:
        return self._backend(mount, "accessor") or Ref(LOOKED_UP, self._called(mount), "accessor")

    def _backend(self, mount: str, attribute: str) -> Ref | None:
        if f"auth/{mount}" in self._settings.adopt:
            return None
        return Ref("vault_auth_backend", self._called(mount), attribute)

    def _policy(self, holder: str) -> Ref:
        return Ref("vault_policy", f"{self._name}-{holder}", "name")

    def _called(self, path: str) -> str:
        return f"{self._name}-{path.replace('/', '-')}"

    @property
    def _made_by(self) -> str:
        return f"{made_for(self._scope)}{MAKER}"
