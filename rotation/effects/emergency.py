"""COMPROMISED: contain first. No consumer's evidence is waited for, nothing contained is ever
active again, and a free slot is the one thing that a destroy may come before a mint for."""

from datetime import timedelta

from rotation.effects import revoke
from rotation.effects.context import Context
from rotation.entries import stamp
from rotation.errors import NeedsPerson, NotYet
from rotation.fold import listed
from rotation.plan import Step
from rotation.types import PREVIOUS, Death, Facts, Json, KeyState, Listing, PermissionSet


def scope(cx: Context) -> list[str]:
    """The instances that the person named or confirmed, as OPENED records them."""
    value = cx.rotation.opened.facts.get("scope")
    return [str(handle) for handle in value] if isinstance(value, list) else []


def evidence(cx: Context) -> Facts:
    """What containment and destruction erase: the listing, who used what last, the labels."""
    listing, state = cx.listing(), cx.store_state()
    seen: list[Json] = []
    for handle in listing.handles:
        used = cx.issuer.usage(handle.id) if cx.traits.reports_usage else None
        seen.append(
            [
                handle.id,
                str(handle.state),
                stamp(handle.created),
                stamp(used.last_used) if used else None,
                used.service if used else None,
            ]
        )
    active = [h.id for h in listing.handles if h.id in scope(cx) and h.state is KeyState.ACTIVE]
    return {
        "instances": seen,
        "active": list(active),
        "listing": sorted(listing.ids),
        "current": state.current,
        "labels": dict(state.labels),
    }


def contain(cx: Context) -> Facts:
    """Off, in the fastest reversible way; the store's mark tells runners that never heard of it."""
    for handle_id in scope(cx):
        _switch_off(cx, handle_id)
    if _replaces_current(cx) and cx.rotation.old_version is not None:
        cx.store.mark_compromised(cx.rotation.old_version)
    return {"contained": list(scope(cx)), "at": stamp(cx.now)}


def _switch_off(cx: Context, handle_id: str) -> None:
    if cx.traits.can_suspend:
        cx.issuer.suspend(handle_id, under=PermissionSet.CONTAIN)
    else:
        cx.issuer.destroy(handle_id, under=PermissionSet.CONTAIN)


def _replaces_current(cx: Context) -> bool:
    return cx.rotation.old in scope(cx)


def make_room(cx: Context) -> Facts:
    """Only if the issuer is full: one contained instance that readers' version does not name."""
    listing = cx.listing()
    most = cx.traits.live_max
    if most is None or len(listing.handles) < most:
        return {"destroyed": None}
    spare = [i for i in scope(cx) if i in listing.ids and i != cx.rotation.old] or [
        i for i in scope(cx) if i in listing.ids
    ]
    if not spare:
        raise NeedsPerson(
            "held.slot-full",
            "the issuer is full of instances outside the emergency's scope; the contained one stays off",
            "remove the one that nobody needs, then `rotation resume`",
        )
    cx.issuer.destroy(spare[0], under=PermissionSet.REVOKE)
    return {"destroyed": spare[0]}


def look_destroy(cx: Context) -> Facts:
    """A contained instance that is active again was revived by somebody: it is off once more."""
    listing = cx.listing()
    for handle_id in scope(cx):
        handle = listing.find(handle_id)
        if handle is not None and handle.state is KeyState.ACTIVE:
            _switch_off(cx, handle_id)
    state = cx.store_state()
    if _replaces_current(cx):
        assert state.current != cx.rotation.old_version, "I2: readers' version is never destroyed"
    return {"current": state.current, "listing": sorted(listing.ids)}


def destroy(cx: Context) -> Facts:
    """What is ours in scope; a foreign one only where the person said so."""
    foreign_too = cx.rotation.opened.facts.get("destroy_foreign") is True
    ours = set(listed(cx.rotation.baseline, "live"))
    destroyed = []
    for handle_id in scope(cx):
        if foreign_too or handle_id in ours:
            cx.issuer.destroy(handle_id, under=PermissionSet.REVOKE)
            destroyed.append(handle_id)
    return {"destroyed": list(destroyed)}


def prove_dead(cx: Context) -> Facts:
    """By login where the bytes are those of the replaced version; asserted for all the others."""
    listed = sorted(cx.listing().ids & set(destroyed(cx)))
    if listed:
        raise NotYet(
            "prove-dead.listed",
            f"the issuer still lists {', '.join(listed)}",
            until=cx.now + max(cx.settle, timedelta(seconds=1)),
        )
    if not _replaces_current(cx):
        return {"grade": Death.ASSERTED}
    return revoke.prove_dead(cx)


def destroyed(cx: Context) -> list[str]:
    value = cx.rotation.state(Step.DESTROY).facts.get("destroyed")
    return [str(handle) for handle in value] if isinstance(value, list) else []


def sweep(cx: Context) -> Facts:
    """The issuer is listed again: what appeared since `evidence` and is not ours is contained, and
    no label keeps the old bytes in reach."""
    listing = cx.listing()
    appeared = _appeared(cx, listing)
    for handle_id in appeared:
        _switch_off(cx, handle_id)
    labels = cx.store_state().labels
    old = cx.rotation.old_version
    if old is not None and labels.get(PREVIOUS) == old and _replaces_current(cx):
        cx.store.unlabel(old, PREVIOUS, under=PermissionSet.PROMOTE)
    if appeared:
        raise NeedsPerson(
            "held.unknown-instance",
            f"appeared during the emergency and contained: {', '.join(appeared)}",
            "`rotation emergency --key-id ID --destroy-foreign` removes it",
            instances=",".join(appeared),
        )
    return {"contained": []}


def _appeared(cx: Context, listing: Listing) -> list[str]:
    before = cx.rotation.state(Step.EVIDENCE).facts.get("listing")
    known = {str(i) for i in before} if isinstance(before, list) else set()
    known |= {cx.rotation.new or "", *cx.rotation.foreign}
    return sorted(
        handle.id
        for handle in listing.handles
        if handle.id not in known and handle.state is KeyState.ACTIVE
    )


EFFECTS = {
    Step.EVIDENCE: evidence,
    Step.CONTAIN: contain,
    Step.MAKE_ROOM: make_room,
    Step.SWEEP: sweep,
}
"""Steps of this plan alone. Those that it does in its own way:"""
OWN_LOOKS = {Step.DESTROY: look_destroy}
OWN_EFFECTS = {Step.DESTROY: destroy, Step.PROVE_DEAD: prove_dead}
