"""What our tokens may do, as Vault itself reports it."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from providers.vault import errors
from providers.vault.permissions import GRANTS, Grant
from rotation.errors import Denied
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection

# Stands for the one path segment that is different each time.
_ANY = "0" * 32
_ASKED = "sys/capabilities-self"


def missing_capabilities(
    connection: "VaultConnection",
    plugin: str,
    place: Mapping[str, str],
    sets: Collection[PermissionSet],
) -> tuple[str, ...]:
    """`set: capability on path` for each grant that a set's token lacks. Left out are grants that
    only some secrets need, and tokens that may not ask about themselves."""
    return tuple(
        missing
        for under, grants in GRANTS[plugin].items()
        if under in sets
        for missing in _missing(connection, under, grants, place)
    )


def _missing(
    connection: "VaultConnection",
    under: PermissionSet,
    grants: tuple[Grant, ...],
    place: Mapping[str, str],
) -> Iterator[str]:
    needed = {_path(grant, place): grant for grant in grants if grant.when == "always"}
    if not needed:
        return
    try:
        body = {"paths": list(needed)}
        has = connection.call("POST", _ASKED, under=under, body=body).data
    except Denied:
        return
    for path, grant in needed.items():
        said = has.get(path) if isinstance(has, dict) else None
        if not isinstance(said, list):
            raise errors.no_answer(f"POST {_ASKED}", repeatable=True)
        if "root" not in said:
            for capability in sorted({*grant.capabilities}.difference(map(str, said))):
                yield f"{under}: {capability} on {grant.path.format(**place)}"


def _path(grant: Grant, place: Mapping[str, str]) -> str:
    """Vault adds a slash to the path of a listing."""
    path = grant.path.format(**place).replace("+", _ANY)
    return f"{path}/" if grant.capabilities == ("list",) else path
