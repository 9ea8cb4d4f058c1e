"""Removes what earlier rotations left alive, before anything new is made: off, watched, destroyed."""

from datetime import timedelta

from rotation.errors import Ambiguous, Denied, NeedsPerson, NotYet, Permanent, Transient
from rotation.execution.effects import drift
from rotation.execution.effects.context import Context, kept
from rotation.journal.facts import Attempt, Leaving, Opened
from rotation.journal.record import Record
from rotation.machine.leftover import Leftover
from rotation.types import (
    PENDING,
    Fields,
    KeyState,
    Listing,
    PermissionSet,
    StoreState,
    mark,
)


def to_remove(cx: Context, listing: Listing) -> list[str]:
    """Leftovers that no row of this rotation removes. Without overlap there are none: a leftover
    may be what the service accepts now, and the next replacement ends it."""
    if not cx.traits.overlap:
        return []
    left = (cx.rotation.ours | drift.never_staged(cx, listing)) - set(cx.rotation.scope)
    return sorted(left & listing.ids if cx.traits.lists else left)


def remove(cx: Context, handle_id: str) -> Record:
    """Removes one leftover in three recorded steps: found, off, destroyed after the soak. Before
    each step no pointer may name it, and no reader may still use it. It ends by raising a void
    attempt, so that the waiting row starts again."""
    if handle_id not in cx.rotation.ours:
        destroy(cx, handle_id)  # never staged, so no reader can have it
        raise void("issue.leftover-removed", f"{handle_id} is gone", removed=handle_id)
    left = cx.rotation.leftovers.get(handle_id, Leftover())
    going = cx.state.record(Leaving)
    begun = going.leaving == handle_id
    off_at = going.off_at if begun else None
    if not begun:
        _is_another(cx, handle_id, left)
        _nobody_needs(cx, handle_id, left, off_at)
        handle = cx.listing().find(handle_id)
        active = handle is not None and handle.state is KeyState.ACTIVE
        found = Leaving(leaving=handle_id, active=active, off_at=None)
        raise NotYet(
            "issue.leftover", f"{handle_id} is removed first", until=cx.now, observed=found.facts
        )
    try:
        if cx.traits.can_suspend and off_at is None:
            _switch_off(cx, handle_id, left)
        _nobody_needs(cx, handle_id, left, off_at)
    except NeedsPerson as error:
        if cx.traits.can_suspend and going.active:
            cx.issuer.resume(handle_id)
        error.facts |= Leaving(leaving=None).facts
        raise
    destroy(cx, handle_id, _bytes(cx, left))
    raise void("issue.leftover-removed", f"{handle_id} is gone", removed=handle_id)


def _switch_off(cx: Context, handle_id: str, left: Leftover) -> None:
    cx.issuer.suspend(handle_id)
    _nobody_needs(cx, handle_id, left, None)
    raise NotYet(
        "issue.leftover",
        f"{handle_id} is off; soaks before it is destroyed",
        until=cx.now + timedelta(seconds=cx.spec.soak_s),
        observed=Leaving(off_at=cx.now).facts,
    )


def _is_another(cx: Context, handle_id: str, left: Leftover) -> None:
    """Stops where the leftover's bytes are what readers get under another id: dropping them would
    be an outage."""
    bytes_ = _bytes(cx, left)
    if bytes_ is not None and bytes_ == kept(cx, cx.rotation.old_version):
        raise void(
            "issue.leftover-current",
            f"{handle_id} has the same bytes as {cx.rotation.old}: it is the same credential, and "
            "it was not dropped",
            removed=handle_id,
        )


def _nobody_needs(cx: Context, handle_id: str, left: Leftover, off_at: object) -> None:
    state = cx.store_state()
    drift.check_clocks(cx)
    if cx.rotation.rules.checks_drift:
        drift.check_current(cx, state, cx.rotation.old_version)
    if not left.served or _retired_by_word(cx):
        return
    if not cx.traits.reports_usage:
        raise _still_needed(cx, handle_id, "and nothing tells whether somebody still uses it")
    used = cx.issuer.usage(handle_id).last_used
    quiet = timedelta(seconds=cx.spec.quiet_s) + cx.traits.report_lag
    if used is not None and cx.now < used + quiet:
        raise _still_needed(cx, handle_id, f"and it was used at {used:%Y-%m-%d %H:%M:%S} UTC")


def _retired_by_word(cx: Context) -> bool:
    """Whether `drain` already took its evidence: every consumer is gone, or an operator accepted
    the gap."""
    gap = Opened.of(cx.rotation.opened.facts).gap
    return cx.rotation.rules.retires and bool(gap or not cx.traits.reports_usage)


def _still_needed(cx: Context, handle_id: str, why: str) -> NeedsPerson:
    return NeedsPerson(
        "held.leftover",
        f"{handle_id} is left from an earlier rotation, readers had it, {why}; it stays on",
        f"`rotation resolve {cx.spec.secret} --ours ID` removes it carefully anyway",
        instances=handle_id,
    )


def _bytes(cx: Context, left: Leftover) -> Fields | None:
    """Only a verifier needs the bytes to drop a value; an issuer that lists destroys by id."""
    return None if cx.traits.lists else kept(cx, left.version)


def destroy(cx: Context, handle_id: str, fields: Fields | None = None) -> None:
    """Destroys an instance whose bytes nobody has, or should have any more."""
    try:
        cx.issuer.destroy(handle_id, fields)
    except Denied:
        raise  # a repetition does not help, and the error names the missing right
    except (Permanent, Transient) as error:
        raise Ambiguous(
            "issue.not-removed",
            f"{handle_id} is not needed and could not be removed yet; nobody should have its bytes",
            error.hint,
        ) from error


def void(code: str, message: str, removed: str | None = None) -> Transient:
    """An error that says that the attempt left nothing behind."""
    error = Transient(code, message)
    left = Attempt(void=True) if removed is None else Attempt(void=True, removed=removed)
    error.facts |= left.facts
    return error


def staged_by(cx: Context) -> frozenset[str]:
    """Versions that attempts of this rotation have staged or may still stage."""
    return frozenset(mark(cx.installation, attempt) for attempt in cx.rotation.attempts)


def pending(cx: Context, state: StoreState) -> list[str]:
    """Versions that attempts of this rotation staged and that still have the pending label."""
    mine = staged_by(cx)
    return [v.id for v in state.versions if PENDING in v.labels and v.id in mine]


def unlabel(cx: Context, versions: list[str]) -> None:
    for version in versions:
        cx.store.unlabel(version, PENDING, under=PermissionSet.PROMOTE)
