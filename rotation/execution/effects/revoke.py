"""revoke: the old credential is switched off, watched, destroyed and proven dead. Every effect here
needs fresh evidence, and every pointer is read before and after it."""

from datetime import datetime, timedelta

from rotation.errors import Complaint, Conflict, NeedsPerson, NotYet, Refused
from rotation.execution.effects import drift, leftovers
from rotation.execution.effects.context import (
    Context,
    done_at,
    if_kept,
    logins_agree,
    read_old,
    wait_until,
)
from rotation.execution.effects.verify import check_grace, last_given, relies_on_usage, straggler
from rotation.journal.facts import (
    Confirmed,
    Destroyed,
    Logins,
    LookedBefore,
    Proof,
    Soaked,
    Suspended,
    Tidied,
)
from rotation.journal.record import Record
from rotation.plan import Step
from rotation.types import (
    Death,
    Fields,
    KeyState,
    Listing,
    PermissionSet,
    StoreState,
    Verdict,
)


def old_handle(cx: Context) -> str:
    assert cx.rotation.old is not None, "a row that revokes has somebody to revoke"
    return cx.rotation.old


def look_before_off(cx: Context) -> Record:
    """I3, by fresh reads: what `suspend` and `destroy` record in their intent. Everything that was
    compared before the first effect is compared again."""
    state, listing = cx.store_state(), cx.listing()
    drift.check_clocks(cx)
    _waits_are_over(cx)
    _evidence(cx)
    if cx.rotation.done(Step.SUSPEND):
        _still_off(cx, state, listing)
    if cx.rotation.rules.retires:
        drift.check_claim(cx, state)
        drift.check_instances(cx, listing)
    else:
        drift.check_no_drift(cx, state, listing)
        assert state.current != cx.rotation.old_version, "I2: what is current is never revoked"
    used = _unused_since(cx)
    return LookedBefore(current=state.current, listing=sorted(listing.ids), last_used=used)


def _waits_are_over(cx: Context) -> None:
    """Checked again now that the clocks agree: a clock that jumped may have ended a wait too early."""
    if cx.in_doubt:
        return
    if cx.rotation.done(Step.SUSPEND):
        wait_until(_soaked_at(cx), cx.now, "soak", "the old credential is off, but not long enough")
    elif not cx.rotation.rules.retires:
        check_grace(cx)


def _evidence(cx: Context) -> None:
    """I3, checked in production too: evidence of every consumer, and verify-live before any
    revocation."""
    if cx.rotation.rules.retires:
        return
    assert cx.bound.probe is None or cx.rotation.done(Step.VERIFY_LIVE), "I3: verified live"
    for consumer in cx.spec.consumers:
        if consumer.role == "reader" and not consumer.gone:
            state = cx.rotation.state(Step.CONFIRM, f"consumer:{consumer.id}")
            assert state.record(Confirmed).evidence, f"I3: evidence of {consumer.id}"


def _still_off(cx: Context, state: StoreState, listing: Listing) -> None:
    """While the old credential is off, any sign that it is needed switches it on again."""
    if not cx.rotation.rules.retires:
        _not_pointed_at(cx, state)
    suspended, handle = done_at(cx, Step.SUSPEND), listing.find(old_handle(cx))
    if handle is None or suspended is None or handle.state is not KeyState.ACTIVE:
        return
    wait_until(suspended + cx.settle, cx.now, "suspend.settling", "waits until the listing settled")
    raise Complaint(
        "held.complaint", f"{old_handle(cx)} was switched off here, and somebody switched it on"
    )


def _unused_since(cx: Context) -> datetime | None:
    """The issuer's fresh usage report of the old credential. Use after every consumer should have
    moved is a complaint. So is use while it is off, except by our own probes in `prove-off`."""
    if not cx.traits.reports_usage:
        return None
    used = cx.issuer.usage(old_handle(cx)).last_used
    suspended = done_at(cx, Step.SUSPEND)
    if used is None:
        return None
    if suspended is not None:
        probed = done_at(cx, Step.PROVE_OFF) or suspended
        if used > probed:
            raise Complaint(
                "held.complaint",
                f"{old_handle(cx)} was used at {used:%H:%M:%S} UTC while it was off",
            )
    elif (given := last_given(cx)) is not None and not cx.in_doubt:
        longest = max((c.refresh_s for c in cx.spec.consumers), default=0)
        if used > given + timedelta(seconds=longest) and not relies_on_usage(cx):
            pause = max(timedelta(seconds=longest), timedelta(seconds=1))
            raise NotYet(
                "suspend.in-use",
                f"{old_handle(cx)} is still used: a consumer has not moved",
                until=cx.now + pause,
            )
        if relies_on_usage(cx):
            _still_quiet(cx, used)
    return used


def _still_quiet(cx: Context, used: datetime) -> None:
    """Quiet was the evidence, but this row may have waited for a window or a person since then."""
    drained = done_at(cx, Step.DRAIN)
    quiet = timedelta(seconds=cx.spec.quiet_s) + cx.traits.report_lag
    if drained is not None and used > drained and cx.now < used + quiet:
        raise straggler(cx, old_handle(cx), used, used + quiet)


def suspend(cx: Context) -> Record:
    """Switches the old credential off, then reads every pointer again: one that names it brings it
    back. If somebody deleted it meanwhile, nothing more is needed."""
    gone = False
    try:
        cx.issuer.suspend(old_handle(cx))
    except Conflict:
        gone = cx.traits.lists and old_handle(cx) not in cx.listing().ids
        if not gone:
            raise
    _still_not_pointed_at(cx)
    return Suspended(suspended=old_handle(cx), gone=gone)


def _still_not_pointed_at(cx: Context) -> None:
    if not cx.rotation.rules.retires:
        _not_pointed_at(cx, cx.store_state())


def _not_pointed_at(cx: Context, state: StoreState) -> None:
    """Raises a Complaint where readers may get the suspended instance: a label moved to the old
    version or to an unknown one, or a replica is behind."""
    if state.current != cx.rotation.new_version or state.pending == cx.rotation.old_version:
        raise Complaint(
            "held.pointer-moved",
            f"the current version is {state.current} now; {old_handle(cx)} is being resumed",
            "see who moved the label",
        )
    try:
        drift.check_copies(cx, state)
    except NeedsPerson as behind:
        raise Complaint(behind.code, behind.message, behind.hint) from behind


def prove_off(cx: Context) -> Record:
    fields = read_old_or_none(cx)
    return _refused(cx, fields) | Proof(grade=Death.PROVED if fields else Death.ASSERTED)


def read_old_or_none(cx: Context) -> Fields | None:
    """None where the store no longer has the bytes: then the death is asserted, not proved."""
    return if_kept(lambda: read_old(cx))


def _refused(cx: Context, fields: Fields | None) -> Record:
    if fields is None:
        return Logins(logins=0)
    alive = Refused(
        "held.still-alive", "the old credential still logs in after it was switched off"
    )
    logins = logins_agree(cx, fields, Verdict.REFUSED, alive)
    if cx.traits.failed_logins_safe <= 1 and cx.rotation.new_version is not None:
        good_login(cx, cx.rotation.new_version)
    return logins


def good_login(cx: Context, version: str) -> None:
    """Repeated refused logins lock the account for everybody who shares its name; one good login
    resets the count."""
    new = cx.store.read(version, under=PermissionSet.PROVE)
    if cx.probe.login(new) is Verdict.REFUSED:
        raise NeedsPerson(
            "held.live-refused",
            f"{old_handle(cx)} is refused, as it should be, but so is the current version",
            "see whether consumers still log in: the name may be locked",
            instances=cx.rotation.new,
        )


def _soaked_at(cx: Context) -> datetime:
    suspended = done_at(cx, Step.SUSPEND)
    assert suspended is not None, "soak comes after suspend"
    return suspended + timedelta(seconds=cx.spec.soak_s)


def soak(cx: Context) -> Record:
    """The credential stays off. Each time the row wakes, the issuer's usage report and the store's
    pointers are read as signals."""
    until = _soaked_at(cx)
    if cx.now < until:
        _unused_since(cx)
        _still_not_pointed_at(cx)
        pause = max(timedelta(seconds=cx.spec.soak_s) / 12, cx.settle, timedelta(seconds=1))
        raise NotYet(
            "soak.listening",
            "the old credential is off; listens for complaints",
            until=min(until, cx.now + pause),
        )
    return Soaked(signal="usage" if cx.traits.reports_usage else "none")


def destroy(cx: Context) -> Record:
    fields = _bytes_for_drop(cx)
    cx.issuer.destroy(old_handle(cx), fields)
    _pointer_still_new(cx)
    return Destroyed(destroyed=old_handle(cx))


def _pointer_still_new(cx: Context) -> None:
    if cx.rotation.rules.retires:
        return
    current = cx.store_state().current
    if current != cx.rotation.new_version:
        raise NeedsPerson(
            "held.pointer-moved-late",
            f"the current version is {current} now, and {old_handle(cx)} is destroyed: "
            "readers may be without a working credential",
            f"`rotation resolve {cx.spec.secret} --accept-current`, or "
            f"`rotation emergency {cx.spec.secret}`",
        )


def _bytes_for_drop(cx: Context) -> Fields | None:
    """Only a verifier needs the bytes to drop a value; an issuer that lists destroys by id."""
    return None if cx.traits.lists else read_old_or_none(cx)


def prove_dead(cx: Context) -> Record:
    """The grade is always printed: proved by a refused login, or asserted by the issuer."""
    tells = cx.bound.probe is not None and not cx.rotation.unverified
    fields = read_old_or_none(cx) if tells else None
    if fields is not None:
        return _refused(cx, fields) | Proof(grade=Death.PROVED)
    if cx.traits.lists and old_handle(cx) in cx.listing().ids:
        raise NotYet(
            "prove-dead.listed",
            f"the issuer still lists {old_handle(cx)}",
            until=cx.now + max(cx.settle, timedelta(seconds=1)),
        )
    return Proof(grade=Death.ASSERTED)


def tidy(cx: Context) -> Record:
    """No pending label of ours is left, and the issuer lists what the journal will record. A
    retired secret leaves none of our instances alive, because no later `issue` would remove them.
    """
    # A staging that arrived after its attempt was given up is not needed.
    leftovers.unlabel(cx, sorted(leftovers.staged_by(cx)))
    listing = cx.listing()
    if cx.rotation.rules.retires and (left := leftovers.to_remove(cx, listing)):
        return leftovers.remove(cx, left[0])
    gone = {cx.rotation.old} if cx.rotation.rules.ends_current else set()
    # An emergency ignores what is outside of its scope, except what an earlier mint may have left.
    if cx.rotation.rules.checks_drift or cx.rotation.baseline.attempts:
        expected = drift.expected_instances(cx) | {*cx.rotation.scope}
        drift.check_unknown(cx, listing, expected - {g for g in gone if g})
    return Tidied(listing=sorted(listing.ids))


LOOKS = {Step.SUSPEND: look_before_off, Step.DESTROY: look_before_off}
EFFECTS = {
    Step.SUSPEND: suspend,
    Step.PROVE_OFF: prove_off,
    Step.SOAK: soak,
    Step.DESTROY: destroy,
    Step.PROVE_DEAD: prove_dead,
    Step.TIDY: tidy,
}
