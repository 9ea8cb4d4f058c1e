"""undo: every consumer is back on the old credential before the new one is destroyed."""

from datetime import timedelta

from rotation.errors import Conflict, NeedsPerson, NotYet, Refused
from rotation.execution.effects import create, drift, leftovers
from rotation.execution.effects.context import (
    Context,
    done_at,
    logins_agree,
    read_old,
    wait_until,
)
from rotation.execution.effects.propagate import consumer_spec
from rotation.journal.facts import (
    Cause,
    Destroyed,
    Exposure,
    Inspected,
    Issued,
    PointerMoved,
    Proof,
    Resumed,
    Suspended,
    Written,
)
from rotation.journal.record import Record
from rotation.machine.replay import Mode
from rotation.plan import Step
from rotation.types import (
    COMPROMISED,
    PENDING,
    PREVIOUS,
    Death,
    KeyState,
    PermissionSet,
    StoreState,
    Verdict,
)


def resume_old(cx: Context) -> Record:
    """Switches on only what this rotation suspended and had found active; never what an emergency
    has marked."""
    _not_compromised(cx, cx.store_state())
    resumed = _suspended_by_us(cx)
    for handle_id in resumed:
        cx.issuer.resume(handle_id)
    if cx.rotation.rules.contains and cx.rotation.old_version is not None:
        cx.store.unlabel(cx.rotation.old_version, COMPROMISED, under=PermissionSet.CONTAIN)
    return Resumed(resumed=resumed)


def _not_compromised(cx: Context, state: StoreState) -> None:
    """A mark on any other version is from an emergency that ended before this rotation began."""
    marked = state.labels.get(COMPROMISED)
    of_this = marked in (cx.rotation.old_version, cx.rotation.new_version)
    if not cx.rotation.rules.contains and marked is not None and of_this:
        raise NeedsPerson(
            "held.compromised",
            "the store marks this secret as compromised; nothing is switched on again",
            "finish with `rotation emergency`",
        )


def _suspended_by_us(cx: Context) -> list[str]:
    if cx.rotation.rules.contains:
        found = cx.rotation.state(Step.EVIDENCE).record(Exposure)
        return found.active if found.has(Exposure.active) else _switched_on_by_hand(cx)
    assert cx.rotation.intended(Step.SUSPEND), "resume-old undoes our own suspend only"
    return [cx.rotation.old] if cx.rotation.old else []


def _switched_on_by_hand(cx: Context) -> list[str]:
    """The instances that were active could not be read, so an operator has to switch them on."""
    handle = cx.listing().find(cx.rotation.old) if cx.rotation.old else None
    if handle is None or handle.state is not KeyState.ACTIVE:
        raise NeedsPerson(
            "held.found-suspended",
            "what was active before the emergency could not be read; nothing is switched on",
            "switch on by hand what you know to be good, then `rotation resume`",
            instances=cx.rotation.old,
        )
    return []


def verify_old(cx: Context) -> Record:
    """A fresh login with the old credential, just before readers are sent back to it."""
    fields = read_old(cx)
    if fields is None:
        return Record()
    refused = Refused(
        "rollback.old-refused",
        "the old credential does not log in; readers stay on the new one",
        instances=cx.rotation.old,
    )
    return logins_agree(cx, fields, Verdict.ACCEPTED, refused)


def demote(cx: Context) -> Record:
    state = cx.store_state()
    _not_compromised(cx, state)
    old = cx.rotation.old_version
    assert old is not None
    if state.current == old:
        return Written(version=old)
    try:
        if state.current != cx.rotation.new_version and not cx.rotation.done(Step.PROMOTE):
            # The answer to our promotion was lost. A store without labels recognises it by its
            # value.
            cx.store.promote(cx.new_version(), expecting=old)
        cx.store.promote(old, expecting=cx.new_version())
    except Conflict:
        drift.check_current(cx, cx.store_state(), old)
        raise
    return Written(version=old)


def deliver_old(cx: Context) -> Record:
    """Delivers what readers get from now on: the old version, or the one that an operator accepted."""
    accepted = cx.rotation.mode is Mode.ACCEPT
    version = _inspected(cx).version if accepted else cx.rotation.old_version
    if version is None or (cx.rotation.old is None and not accepted):
        return Record()
    fields = cx.store.read(version, under=PermissionSet.DELIVER)
    cx.consumer.deliver(version, fields)
    return Written(version=version)


def confirm_old(cx: Context) -> Record:
    """On the way back, elapsed time is enough evidence: the wait is as long as on the way forward.
    Where the issuer reports use, the new credential must be quiet as well."""
    consumer = consumer_spec(cx)
    demoted = done_at(cx, Step.DEMOTE) or done_at(cx, Step.INSPECT)
    if consumer.confirms or demoted is None or cx.rotation.old is None:
        return Record()
    refresh = timedelta(seconds=2 * consumer.refresh_s)
    wait_until(
        demoted + refresh,
        cx.now,
        "confirm.refresh",
        f"{consumer.id} reads the store again within {2 * consumer.refresh_s} s",
    )
    if cx.traits.reports_usage and cx.rotation.new is not None and not _kept(cx):
        used = cx.issuer.usage(cx.rotation.new).last_used
        if used is not None and used > demoted + refresh:
            raise NotYet(
                "confirm.in-use",
                "the new credential is still used",
                until=cx.now + max(refresh, timedelta(seconds=1)),
            )
    return Record()


def _not_current(cx: Context) -> None:
    """I2, by a fresh read: what readers get is never revoked."""
    state = cx.store_state()
    if cx.rotation.new_version is not None and state.current == cx.rotation.new_version:
        moved = NeedsPerson(
            "held.pointer-moved",
            "the store's current version is the new one again; it was not revoked",
            f"see who moved the label; then `rotation resolve {cx.spec.secret} --accept-current`",
        )
        moved.facts |= PointerMoved(back_at=None).facts
        raise moved
    if cx.state.record(Cause).code == "held.pointer-moved":
        _fetched_again(cx)


def _fetched_again(cx: Context) -> None:
    """Waits where the label named the new version for a while and an operator put it back."""
    back = cx.state.record(PointerMoved).back_at or cx.now
    refresh = timedelta(seconds=2 * max((c.refresh_s for c in cx.spec.consumers), default=0))
    if cx.now < back + refresh:
        raise NotYet(
            "confirm.refresh",
            "readers who fetched the new one again read the store once more",
            until=back + refresh,
            observed=PointerMoved(back_at=back).facts,
        )


def suspend_new(cx: Context) -> Record:
    if cx.rotation.new is None or _kept(cx):
        return Record()
    _not_current(cx)
    handle = cx.listing().find(cx.rotation.new)
    if handle is not None and handle.state is KeyState.ACTIVE:
        cx.issuer.suspend(cx.rotation.new)
    return Suspended(suspended=cx.rotation.new)


def destroy_new(cx: Context) -> Record:
    if cx.rotation.new is None:
        return _nothing_minted(cx)
    if _kept(cx):
        return Record()
    _not_current(cx)
    assert cx.rotation.new != cx.rotation.old, "only what was made is taken back"
    fields = None
    if not cx.traits.lists and cx.rotation.new_version is not None:
        fields = cx.store.read(cx.rotation.new_version, under=PermissionSet.VERIFY)
    cx.issuer.destroy(cx.rotation.new, fields)
    return Destroyed(destroyed=cx.rotation.new)


def _nothing_minted(cx: Context) -> Record:
    """A mint in doubt may have left an instance whose bytes are lost (I8). One that an operator has
    named as ours is removed as slowly as on the way forward."""
    issue = cx.rotation.state(Step.ISSUE)
    if issue.in_doubt and cx.traits.origin == "assigned" and issue.began_at is not None:
        settled = issue.began_at + 2 * cx.settle
        wait_until(settled, cx.now, "issue.doubt", "waits until the world has settled")
        listing = cx.listing()
        looked = issue.record(Issued)
        before = {*looked.inventory, *looked.removing}
        drift.check_unknown(cx, listing, before)
        for handle_id in sorted(drift.never_staged(cx, listing) - before):
            leftovers.destroy(cx, handle_id)
        for handle_id in sorted(listing.ids & cx.rotation.ours - before):
            create.remove_unknown(cx, handle_id)
    return Record()


def _kept(cx: Context) -> bool:
    """Whether `resolve --accept-current` found that readers use the new one already: then it stays."""
    return cx.rotation.mode is Mode.ACCEPT and _inspected(cx).handle == cx.rotation.new


def _inspected(cx: Context) -> Inspected:
    return cx.rotation.state(Step.INSPECT).record(Inspected)


def prove_new_dead(cx: Context) -> Record:
    if cx.rotation.new is None or _kept(cx):
        return Record()
    if cx.bound.probe is None or cx.rotation.new_version is None:
        return Proof(grade=Death.ASSERTED)
    fields = cx.store.read(cx.rotation.new_version, under=PermissionSet.VERIFY)
    alive = Refused("held.still-alive", "the new credential still logs in after it was destroyed")
    return logins_agree(cx, fields, Verdict.REFUSED, alive) | Proof(grade=Death.PROVED)


def discard_new(cx: Context) -> Record:
    """Takes the labels off the dead new version and off what earlier attempts staged."""
    discarded = {cx.rotation.new_version, *leftovers.staged_by(cx)}
    if not discarded - {None}:
        return Record()
    ours = (PENDING,) if _kept(cx) else (PENDING, PREVIOUS)
    for version in cx.store_state().versions:
        for label in sorted(version.labels.intersection(ours)) if version.id in discarded else ():
            cx.store.unlabel(version.id, label, under=PermissionSet.PROMOTE)
    return Record()


EFFECTS = {
    Step.RESUME_OLD: resume_old,
    Step.VERIFY_OLD: verify_old,
    Step.DEMOTE: demote,
    Step.DELIVER_OLD: deliver_old,
    Step.CONFIRM_OLD: confirm_old,
    Step.SUSPEND_NEW: suspend_new,
    Step.DESTROY_NEW: destroy_new,
    Step.PROVE_NEW_DEAD: prove_new_dead,
    Step.DISCARD_NEW: discard_new,
}
