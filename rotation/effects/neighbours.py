"""Other keys of the same secret: none of them may be left with the bytes of the old credential."""

from rotation.effects.context import Context
from rotation.errors import NeedsPerson
from rotation.interfaces import KeepsOthers, Store
from rotation.types import PermissionSet, Specification


def stale_in(store: Store, spec: Specification, version: str, handle_id: str) -> list[str]:
    """Keys that hold the bytes of that version, that nobody rotates and nobody accepted. Raises
    NeedsPerson where a composed key is not what its template gives."""
    if not spec.keep_foreign or not isinstance(store, KeepsOthers):
        return []
    found = store.stale(version, handle_id, under=PermissionSet.PROVE)
    return sorted(set(found) - set(spec.accept_stale))


def stale(cx: Context, version: str, handle_id: str) -> list[str]:
    return stale_in(cx.store, cx.spec, version, handle_id)


def check_stale(cx: Context) -> None:
    version, handle_id = cx.rotation.old_version, cx.rotation.old
    found = stale(cx, version, handle_id) if version and handle_id else []
    if found:
        raise NeedsPerson(
            "held.stale-copy",
            f"the secret holds the old credential under {', '.join(found)} as well, and a reader "
            "of that would be refused afterwards; nothing was made",
            "declare it under `composed:`, or under `accept_stale:` where nobody reads it; then "
            f"`rotation abandon {cx.spec.secret}` and rotate again",
        )
