"""What each token can really do, asked of Vault itself before anything depends on it."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from providers.vault.hcl import needed, path_of
from rotation.interfaces import Need, Scope, Shortfall
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection

ATTEMPT = "0" * 32
"""Stands for the one segment that has another name each time."""


def check(
    scope: Scope, connection: "VaultConnection", sets: Collection[PermissionSet]
) -> Iterator[Shortfall]:
    """One question per set: Vault answers for a token's policies whole."""
    for under in sets:
        needs = list(needed(scope, under)) if under in connection.options.roles else []
        if needs:
            yield from _shortfalls(connection, under, needs)


def _shortfalls(
    connection: "VaultConnection", under: PermissionSet, needs: list[Need]
) -> Iterator[Shortfall]:
    paths = sorted({path_of(need).replace("+", ATTEMPT) for need in needs})
    told = connection.call("POST", "sys/capabilities-self", under=under, body={"paths": paths}).data
    for need in needs:
        path = path_of(need)
        given = set(told[path.replace("+", ATTEMPT)])
        for capability in need.grant.capabilities:
            if not given & {capability, "root"}:
                yield Shortfall(under=under, secret=need.part.secret, call=capability, on=path)
