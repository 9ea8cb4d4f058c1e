"""What a Vault holds already, and whether it is the cluster that was meant: asked at preview."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_vault as vault

from infra.names import copied, this_stack
from infra.settings import Settings, refused
from providers.vault.hcl import entity_of
from providers.vault.options import AppRoleOptions, DatabaseStaticOptions
from providers.vault.stack import approle_mounts, kv_mounts, made_for, policy_name
from rotation.interfaces import Part, Scope


def made_by(scope: Scope) -> str:
    """What the description of our mounts says: nothing else of a mount could."""
    return f"{made_for(scope)}{this_stack()}"


def assert_surroundings(scope: Scope) -> None:
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


def assert_cluster(scope: Scope, provider: vault.Provider) -> None:
    """Vault tells its id in no namespace but the root, so of one the runner asks, before its first
    login."""
    options = scope.options
    if options.namespace is not None:
        return
    found = _Look(scope, provider).read("sys/health", "does not say which cluster it is")
    if found["cluster_id"] != options.cluster:
        raise refused(
            f"connection {scope.connection} is cluster {options.cluster}, but at "
            f"{options.address} is cluster {found['cluster_id']}"
        )


def assert_existing(scope: Scope, settings: Settings, provider: vault.Provider) -> None:
    """What is there, and is neither adopted nor ours, would be written over or fail midway."""
    look = _Look(scope, provider)
    there = look.mounts()
    problems = [
        *_of_mounts(scope, settings, there),
        *_of_app_roles(scope, settings, there, look),
        *_of_static_roles(scope, there, look),
    ]
    if problems:
        raise refused(*problems)


def adopted_entities(scope: Scope, settings: Settings, provider: vault.Provider) -> dict[str, str]:
    """What stands for an adopted AppRole's entity -> its id: the role was in use before us."""
    adopted = [part for part in _parts(scope, AppRoleOptions) if part.secret in settings.adopt]
    if not adopted:
        return {}
    look = _Look(scope, provider)
    methods = look.read("sys/auth", "does not let this login read sys/auth")
    return {
        entity_of(part.options): look.entity(
            part.options, methods[f"{part.options.mount}/"]["accessor"]
        )
        for part in adopted
    }


def _of_mounts(scope: Scope, settings: Settings, there: Mapping[str, str]) -> Iterator[str]:
    wanted = kv_mounts(scope) | {f"auth/{path}" for path in approle_mounts(scope)}
    for path in sorted(wanted):
        adopted = path in settings.adopt
        if adopted and path not in there:
            yield f"rotation:adopt names {path}, but there is no such mount"
        elif path not in there or there[path] == made_by(scope):
            continue
        elif there[path].startswith(made_for(scope)):
            stack = there[path].removeprefix(made_for(scope))
            yield f"mount {path} exists already: {copied(scope, stack)}"
        elif not adopted:
            yield f"mount {path} exists already: rotation:adopt takes it in"


def _of_app_roles(
    scope: Scope, settings: Settings, there: Mapping[str, str], look: "_Look"
) -> Iterator[str]:
    for part in _parts(scope, AppRoleOptions):
        mount, role = part.options.mount, part.options.role.lower()
        roles = look.names(f"auth/{mount}/role") if f"auth/{mount}" in there else ()
        of_it = f"AppRole {role} at auth/{mount}"
        if part.secret in settings.adopt:
            if role not in roles:
                yield f"rotation:adopt names {part.secret}, but there is no {of_it}"
        elif role in roles:
            current = look.read(f"auth/{mount}/role/{role}", f"lets nobody read {of_it}")
            # Nothing else of a role says whose it is: each AppRole of this stack has that one.
            if policy_name(scope, "consumer") not in current["token_policies"]:
                yield f"{of_it} exists already: {part.secret} in rotation:adopt leaves it as it is"


def _of_static_roles(scope: Scope, there: Mapping[str, str], look: "_Look") -> Iterator[str]:
    """Making one replaces the password of its user at once, which is nothing `pulumi up` may do."""
    for part in _parts(scope, DatabaseStaticOptions):
        mount, role = part.options.mount, part.options.role
        if mount not in there or role not in look.names(f"{mount}/static-roles"):
            yield (
                f"{part.secret}: there is no static role {role} at {mount}, and the stack makes "
                "none, for Vault would replace the password: docs/infra.md says what to type"
            )


def _parts(scope: Scope, kind: type[Any]) -> list[Part]:
    return [part for part in scope.parts if isinstance(part.options, kind)]


@dataclass(frozen=True)
class _Look:
    """Questions with the login of `pulumi up`."""

    scope: Scope
    provider: vault.Provider

    def read(self, path: str, otherwise: str) -> dict[str, Any]:
        answer = self._ask(otherwise, lambda opts: vault.generic.get_secret(path=path, opts=opts))
        data: dict[str, Any] = json.loads(answer.data_json)
        return data

    def mounts(self) -> dict[str, str]:
        """Path, with `auth/` before that of a login -> description."""
        return {
            f"{prefix}{path.rstrip('/')}": mount["description"]
            for kind, prefix in (("mounts", ""), ("auth", "auth/"))
            for path, mount in self.read(
                f"sys/{kind}", f"does not let this login read sys/{kind}"
            ).items()
        }

    def entity(self, options: AppRoleOptions, accessor: str) -> str:
        """Vault has none of a role that nobody logged in with yet, and then the provider fails."""
        role = f"auth/{options.mount}/role/{options.role.lower()}"
        role_id = self.read(f"{role}/role-id", f"does not let this login read {role}/role-id")
        backend = self._ask(
            f"knows no logins of the adopted AppRole {options.role} at auth/{options.mount}, or lets "
            "this login not look up its entity: log in with the role once",
            lambda opts: vault.identity.get_entity(
                alias_name=role_id["role_id"], alias_mount_accessor=accessor, opts=opts
            ),
        )
        return str(backend.id)

    def names(self, path: str) -> frozenset[str]:
        """The provider takes a list with nothing in it for an error."""
        try:
            keys = vault.kv.get_secrets_list(
                path=path, opts=pulumi.InvokeOptions(provider=self.provider)
            )
        except Exception as error:  # noqa: BLE001 -- as in `_ask`
            if "no secrets found" not in str(error):
                raise self._refused(f"does not let this login list {path}") from None
            return frozenset()
        return frozenset(keys.names)

    def _ask(self, otherwise: str, question: Callable[[pulumi.InvokeOptions], Any]) -> Any:
        """A sentence in place of a stack trace; the provider reports what Vault said."""
        try:
            return question(pulumi.InvokeOptions(provider=self.provider))
        except Exception:  # noqa: BLE001 -- the SDK raises nothing narrower
            raise self._refused(otherwise) from None

    def _refused(self, otherwise: str) -> pulumi.RunError:
        options = self.scope.options
        return refused(
            f"connection {self.scope.connection}: Vault at {options.address} {otherwise}"
        )
