"""COMPROMISED: contain first. It waits for no consumer's evidence and never switches on again what
it contained. Only to free a slot may a destroy come before a mint."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeGuard, TypeVar

from rotation.errors import Conflict, NeedsPerson, NotYet, RotationError, StaleEpoch
from rotation.execution.effects import drift, free_slot, revoke
from rotation.execution.effects.context import Context
from rotation.interfaces import EndsSessions, Issuer
from rotation.journal.entries import stamp
from rotation.journal.facts import Contained, Destroyed, Exposure, LookedBefore, Opened, Proof
from rotation.journal.record import Record
from rotation.plan import Step
from rotation.types import PREVIOUS, Death, Handle, Json, KeyState, Listing, PermissionSet

Answer = TypeVar("Answer")


def evidence(cx: Context) -> Record:
    """Records what containment and destruction erase: the listing, last uses, the labels. What
    cannot be read is left out: a failed read must not keep a leaked credential alive."""
    listing, state = _read(cx.listing), _read(cx.store_state)
    found = Exposure(
        current=state.current if state else None, labels=dict(state.labels) if state else {}
    )
    if listing is None:
        return found
    # An instance that was contained without the journal is off now, and was active before.
    before = Opened.of(cx.rotation.opened.facts).active
    active = [
        h.id
        for h in listing.handles
        if h.id in cx.rotation.scope and (h.state is KeyState.ACTIVE or h.id in before)
    ]
    seen: list[Json] = [_seen(cx, handle) for handle in listing.handles]
    return found | Exposure(instances=seen, active=active, listing=sorted(listing.ids))


def _seen(cx: Context, handle: Handle) -> list[Json]:
    used = _read(lambda: cx.issuer.usage(handle.id)) if cx.traits.reports_usage else None
    return [
        handle.id,
        str(handle.state),
        stamp(handle.created),
        stamp(used.last_used) if used else None,
        used.service if used else None,
    ]


def _read(read: Callable[[], Answer]) -> Answer | None:
    try:
        return read()
    except StaleEpoch:
        raise
    except RotationError:
        return None


def contain(cx: Context) -> Record:
    """Switches off, in the fastest reversible way. A mark in the store tells other runners about
    it."""
    failures = [error for handle_id in cx.rotation.scope if (error := _contained(cx, handle_id))]
    if failures:
        raise failures[0]
    marked = _read(lambda: _mark(cx)) or False
    return Contained(contained=cx.rotation.scope, at=cx.now, marked=marked)


def _mark(cx: Context) -> bool:
    """Containment does not depend on the mark: where the store does not answer, `sweep` sets it."""
    if _replaces_current(cx) and cx.rotation.old_version is not None:
        cx.store.mark_compromised(cx.rotation.old_version)
    return True


def _contained(cx: Context, handle_id: str) -> RotationError | None:
    """Returns the error, so that one instance that cannot be switched off does not keep the others
    on."""
    try:
        switch_off(cx.issuer, handle_id)
    except StaleEpoch:
        raise
    except RotationError as error:
        return error
    return None


def switch_off(issuer: Issuer, handle_id: str) -> None:
    if not issuer.traits.can_suspend:
        issuer.destroy(handle_id, under=PermissionSet.CONTAIN)
        return
    try:
        issuer.suspend(handle_id, under=PermissionSet.CONTAIN)
    except Conflict:
        # An instance that is gone is off. One that is still listed is not.
        if handle_id in issuer.listing().ids:
            raise


def _replaces_current(cx: Context) -> bool:
    return cx.rotation.old in cx.rotation.scope


def prove_off(cx: Context) -> Record:
    """A current version that the journal does not know may hold anybody's credential, so it is not
    tried."""
    return revoke.prove_off(cx) if _is_known(cx) else Proof(grade=Death.ASSERTED)


def _is_known(cx: Context) -> bool:
    return cx.rotation.old_version in cx.rotation.baseline.known


def look_room(cx: Context) -> Record:
    """Only if the issuer is full: one contained instance, preferably not the one that readers
    get."""
    listing = cx.listing()
    present = [handle_id for handle_id in _may_be_destroyed(cx) if handle_id in listing.ids]
    return free_slot.look(cx, listing, [h for h in present if h != cx.rotation.old] or present)


def make_room(cx: Context) -> Record:
    return free_slot.made(cx, cx.looked or look_room(cx))


def look_destroy(cx: Context) -> Record:
    """Switches off again any contained instance that somebody reactivated."""
    listing = cx.listing()
    for handle_id in cx.rotation.scope:
        handle = listing.find(handle_id)
        if handle is not None and handle.state is KeyState.ACTIVE:
            switch_off(cx.issuer, handle_id)
    state, name = cx.store_state(), cx.spec.secret
    if _replaces_current(cx):
        _readers_are_on_the_new(state.current, cx)
    elif state.current is not None and state.current not in cx.rotation.baseline.known:
        raise NeedsPerson(
            "held.unknown-pointer",
            f"the current version {state.current} may name what is contained; nothing is destroyed",
            "see what it holds; where it names what is contained: "
            f"`rotation abandon {name}`, `rotation adopt {name}`, `rotation rotate {name} --replace`",
        )
    return LookedBefore(current=state.current, listing=sorted(listing.ids))


def _readers_are_on_the_new(current: str | None, cx: Context) -> None:
    """I2: what readers get is never destroyed, and somebody may have moved the label back."""
    if current != cx.rotation.new_version:
        raise NeedsPerson(
            "held.pointer-moved",
            f"the current version is {current}, not the new one; what is contained stays off",
            "see who moved the label, put the new version back, then resume",
        )


def destroy(cx: Context) -> Record:
    """Destroys our instances in the scope; others only where the operator asked for it."""
    destroyed = []
    for handle_id in _may_be_destroyed(cx):
        cx.issuer.destroy(handle_id, under=PermissionSet.REVOKE)
        destroyed.append(handle_id)
    return Destroyed(destroyed=destroyed)


def _may_be_destroyed(cx: Context) -> list[str]:
    foreign_too = Opened.of(cx.rotation.opened.facts).destroy_foreign
    ours = {*cx.rotation.baseline.live}
    return [handle_id for handle_id in cx.rotation.scope if foreign_too or handle_id in ours]


def prove_dead(cx: Context) -> Record:
    """Proved by a login for the replaced version, whose bytes we have; asserted for all others."""
    still = sorted(cx.listing().ids & set(destroyed(cx)))
    if still:
        raise NotYet(
            "prove-dead.listed",
            f"the issuer still lists {', '.join(still)}",
            until=cx.now + max(cx.settle, timedelta(seconds=1)),
        )
    if not _replaces_current(cx) or not _is_known(cx):
        return Proof(grade=Death.ASSERTED)
    return revoke.prove_dead(cx)


def destroyed(cx: Context) -> list[str]:
    return cx.rotation.state(Step.DESTROY).record(Destroyed).destroyed


def sweep(cx: Context) -> Record:
    """Lists the issuer again. What appeared since `evidence` and is not ours is contained, the
    previous label is taken off the old version, and sessions that the old credential opened are
    ended where the login itself stays."""
    contained = cx.rotation.state(Step.CONTAIN).record(Contained)
    if contained.has(Contained.marked) and not contained.marked:
        _mark(cx)
    listing = cx.listing()
    appeared = _appeared(cx, listing)
    for handle_id in appeared:
        switch_off(cx.issuer, handle_id)
    issuer = cx.issuer
    if not cx.traits.overlap and _ends_sessions(issuer):
        issuer.end_sessions(cx.new())
    labels = cx.store_state().labels
    old = cx.rotation.old_version
    if old is not None and labels.get(PREVIOUS) == old and _replaces_current(cx):
        cx.store.unlabel(old, PREVIOUS, under=PermissionSet.PROMOTE)
    if appeared:
        raise NeedsPerson(
            "held.unknown-instance",
            f"appeared during the emergency and contained: {', '.join(appeared)}",
            f"`rotation emergency {cx.spec.secret} --key-id ID --destroy-foreign` removes it",
            instances=",".join(appeared),
        )
    return Contained(contained=[])


def _ends_sessions(issuer: Issuer) -> TypeGuard[EndsSessions]:
    # By name: the adapter may be wrapped in a proxy, which has no type of its own.
    return hasattr(issuer, "end_sessions")


def _appeared(cx: Context, listing: Listing) -> list[str]:
    if not cx.traits.overlap:
        return []  # there is only one instance, the new one
    known = {*cx.rotation.state(Step.EVIDENCE).record(Exposure).listing}
    if not known:
        # Nothing was listed before, so every instance may have been there all along.
        drift.check_unknown(cx, listing, {*cx.rotation.scope, cx.rotation.new or ""})
        return []
    known |= {cx.rotation.new or "", *cx.rotation.foreign}
    return sorted(
        handle.id
        for handle in listing.handles
        if handle.id not in known and handle.state is KeyState.ACTIVE
    )


LOOKS = {Step.MAKE_ROOM: look_room}
EFFECTS = {
    Step.EVIDENCE: evidence,
    Step.CONTAIN: contain,
    Step.MAKE_ROOM: make_room,
    Step.SWEEP: sweep,
}
# The steps that this plan does in its own way.
OWN_LOOKS = {Step.DESTROY: look_destroy}
OWN_EFFECTS = {Step.PROVE_OFF: prove_off, Step.DESTROY: destroy, Step.PROVE_DEAD: prove_dead}
