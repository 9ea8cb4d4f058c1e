"""What each token can really do, asked of Vault itself before anything depends on it."""

from collections.abc import Collection, Iterator
from itertools import product
from typing import TYPE_CHECKING

from providers.vault.approle_entity import RoleEntity
from providers.vault.approle_role import Role
from providers.vault.hcl import entity_of, needed, path_of
from providers.vault.options import AppRoleOptions
from providers.vault.permissions import CONNECTION
from rotation.errors import Denied, NeedsPerson
from rotation.interfaces import Call, Need, Scope
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection

# Stands for the one path segment that is different each time.
ATTEMPT = "0" * 32


def check(
    scope: Scope, connection: "VaultConnection", sets: Collection[PermissionSet]
) -> Iterator[Call]:
    """One request per set: Vault answers for all of a token's policies together."""
    for under in sets:
        needs = list(needed(scope, under)) if under in connection.options.roles else []
        if not needs:
            continue
        try:
            yield from _shortfalls(connection, under, needs)
        except Denied as denied:
            if denied.code != "vault.no-role":
                raise
            yield from _not_taken(connection.options.roles[under], under, needs)


def _not_taken(role: str, under: PermissionSet, needs: list[Need]) -> Iterator[Call]:
    """The claim is a person's, so it is right that the runner's login does not get it."""
    if under is not PermissionSet.CLAIM:
        for secret, grant in product(dict.fromkeys(need.part.secret for need in needs), CONNECTION):
            call, path = ", ".join(grant.capabilities), grant.path.format(role=role)
            yield Call(under=under, secret=secret, call=call, on=path)


def _shortfalls(
    connection: "VaultConnection", under: PermissionSet, needs: list[Need]
) -> Iterator[Call]:
    named = [(need, path) for need in needs if (path := _named(connection, need)) is not None]
    paths = sorted({path.replace("+", ATTEMPT) for _, path in named})
    capabilities = connection.call(
        "POST", "sys/capabilities-self", under=under, body={"paths": paths}
    ).data
    for need, path in named:
        given = set(capabilities[path.replace("+", ATTEMPT)])
        for capability in need.grant.capabilities:
            if not given & {capability, "root"}:
                yield Call(under=under, secret=need.part.secret, call=capability, on=path)


def _named(connection: "VaultConnection", need: Need) -> str | None:
    """The path with the role's real entity, which `contain` would write. None where there is no
    entity yet, or where we may not look for it; the rules for these looks report that."""
    path, options = path_of(need), need.part.options
    if not isinstance(options, AppRoleOptions) or entity_of(options) not in path:
        return path
    try:
        role = Role(connection, options.mount, options.role)
        entity = RoleEntity(connection, options.mount, role).find()
    except NeedsPerson:
        return None
    return None if entity is None else path.replace(entity_of(options), entity.id)
