"""Other keys of the same secret. Other teams may write them, but none may keep the bytes of the old
credential."""

from typing import TypeGuard

from rotation.errors import NeedsPerson
from rotation.execution.effects.context import Context, kept
from rotation.interfaces import KeepsOthers, Store
from rotation.types import (
    CURRENT,
    PREVIOUS,
    Fields,
    PermissionSet,
    Specification,
    StoreState,
    is_any_mark,
)
from rotation.values.composed import Composed


def stale_in(store: Store, spec: Specification, version: str, handle_id: str) -> list[str]:
    """Keys that hold the bytes of that version, are not rotated and were not accepted as stale.
    Raises NeedsPerson where a composed key is not what its template gives."""
    if not spec.keep_foreign or not _keeps_others(store):
        return []
    found = store.stale(version, handle_id, under=PermissionSet.PROVE)
    return sorted(set(found) - set(spec.accept_stale))


def lacking(store: Store, spec: Specification, version: str | None) -> list[str]:
    """The parts of composed keys that come neither from the issuer nor from that version. None as a
    version: no version has keys that can be kept."""
    others = Composed(spec.fields, spec.composed).others
    if version is None or not others or not _keeps_others(store):
        return sorted(others)
    return sorted(store.lacking(version, under=PermissionSet.PROVE))


def check_parts(store: Store, spec: Specification, version: str | None) -> None:
    """Runs before a mint: without these parts the new credential could not be written."""
    if missing := lacking(store, spec, version):
        raise NeedsPerson(
            "store.missing-part",
            f"a template in `composed:` needs {', '.join(missing)}, and the secret has no text or "
            "number under these keys; nothing was made",
            f"write {', '.join(missing)} into the secret, as a JSON object with these keys; then "
            "`rotation resume`",
        )


def _keeps_others(store: Store) -> TypeGuard[KeepsOthers]:
    # By name: the adapter may be wrapped in a proxy, which has no type of its own.
    return hasattr(store, "stale")


def stale(cx: Context, version: str, handle_id: str) -> list[str]:
    return stale_in(cx.store, cx.spec, version, handle_id)


def edited(cx: Context, state: StoreState) -> tuple[str, ...]:
    """Versions that somebody else wrote without changing our credential, the current one first.
    Other keys of a shared secret are theirs to write, so the rotation continues from what they
    wrote."""
    expected = cx.rotation.baseline.version
    if expected is not None and state.current == expected:
        return (expected,)
    known = {expected, *cx.rotation.baseline.known}
    strange = [
        version.id
        for version in sorted(state.versions, key=lambda version: CURRENT not in version.labels)
        if version.labels & {CURRENT, PREVIOUS}
        and version.id not in known
        and not is_any_mark(version.id)
    ]
    if not cx.spec.keep_foreign or state.current not in strange:
        return ()
    before = kept(cx, expected)
    same = before is not None and all(_own(cx, version) == before for version in strange)
    return tuple(strange) if same else ()


def _own(cx: Context, version: str) -> Fields | None:
    """None where our own keys no longer hold a credential."""
    try:
        return kept(cx, version)
    except NeedsPerson:
        return None


def check_stale(cx: Context, version: str | None) -> None:
    handle_id = cx.rotation.old
    found = stale(cx, version, handle_id) if version and handle_id else []
    if found:
        raise NeedsPerson(
            "held.stale-copy",
            f"the secret holds the old credential under {', '.join(found)} as well, and a reader "
            "of that would be refused afterwards; nothing was made",
            "declare it under `composed:`, or under `accept_stale:` where nobody reads it; then "
            f"`rotation abandon {cx.spec.secret}` and rotate again",
        )
