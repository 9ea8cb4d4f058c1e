"""create: a new instance is made, staged and verified before anything old is touched."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from rotation.errors import Ambiguous, NeedsPerson, NotYet, Permanent, Refused, Transient
from rotation.execution.effects import cutover, drift, leftovers, neighbours, propagate, shared
from rotation.execution.effects.context import Context, kept, logins_agree, wait_until
from rotation.interfaces import DelegatedIssuer, RehearsesStaging
from rotation.journal.facts import Attempt, Doubt, FoundDead, Issued, Verified, Written
from rotation.journal.record import Record
from rotation.machine.replay import replaced_by
from rotation.plan import Step
from rotation.types import (
    Credential,
    Handle,
    Listing,
    PermissionSet,
    StoreState,
    Verdict,
    mark,
)

# A service that keeps the credential itself may repeat a failed replacement (Vault: every 10 s).
# After this time it is asked again.
REPLACED_WITHIN = timedelta(minutes=1)


def place(cx: Context) -> Record:
    """FIRST: the first version of an empty secret always becomes current, so it is a marked
    placeholder. A marked placeholder that is there already is kept. An operator asked for this, so
    an empty secret without an owner is claimed."""
    state = cx.store_state()
    if state.claim is None and state.current is None:
        cx.store.claim(cx.installation)
        state = replace(state, claim=cx.installation)
    drift.check_writable(cx, state)
    ours: set[str | None] = {mark(cx.installation, cx.attempt)}
    if cx.rotation.old is None:
        ours.add(cx.rotation.baseline.version)
    if state.current is not None and state.current not in ours:
        raise NeedsPerson(
            "held.not-empty",
            "the secret already has a current version; nothing was touched",
            f"bring it under rotation with `rotation adopt {cx.spec.secret}`",
        )
    return Written(version=state.current or cx.store.place(cx.attempt))


def look_issue(cx: Context) -> Record:
    """Reads the issuer's inventory and the store before the mint. Raises where the world differs
    from the journal: then nothing is changed."""
    listing, state, forgotten = cx.listing(), cx.store_state(), list[str]()
    edited: tuple[str, ...] = ()
    logins: list[str] = []
    if cx.rotation.rules.checks_drift:
        if cx.rotation.rules.ends_current:
            edited = neighbours.edited(cx, state)
            drift.check_no_drift(cx, state, listing, edited)
            neighbours.check_stale(cx, edited[0] if edited else cx.rotation.old_version)
        else:
            drift.check_current(cx, state, cx.rotation.old_version)
            drift.check_unknown(cx, listing, set())
        drift.check_slot(cx, listing)
        forgotten = leftovers.pending(cx, state)
        propagate.rehearse(cx)
        if _failed_before(cx):
            cutover.check_rights(state, (PermissionSet.MINT,))
        logins = shared.look(cx, listing)
        if replaced_by(cx.rotation) is Step.ISSUE:
            cutover.check_before(cx, state)
    removing = leftovers.to_remove(cx, listing)
    look = Issued(
        inventory=sorted(listing.ids - set(removing)), removing=removing, forgotten=forgotten
    )
    if cx.traits.delegated:
        look |= Issued(logins=logins)
    if edited and edited[0] != cx.rotation.old_version:
        look |= Issued(edited=edited[0])
    return look | rehearsal(cx, state)


def rehearsal(cx: Context, state: StoreState) -> Record:
    """Whether to test by a write that the store would accept the new value. If it refused after the
    mint, a value that the issuer assigns would be lost; without overlap it has already replaced the
    one that readers have. A chosen value needs no test: it is staged before the issuer gets it."""
    asks = state.own_key or cx.traits.delegated or _failed_before(cx)
    can = state.current is not None and hasattr(cx.store, "rehearse")
    rehearses = asks and can and cx.traits.origin == "assigned"
    return Issued(rehearse=True) if rehearses else Record()


def _failed_before(cx: Context) -> bool:
    return bool(cx.rotation.attempts - {*cx.rotation.baseline.attempts, cx.attempt})


def issue(cx: Context) -> Record:
    """Mints and stages in one step with three durable points. A new credential counts only once it
    is staged."""
    if cx.in_doubt:
        return settle_doubt(cx)
    if Issued.of(cx.looked.facts).removing:
        raise Ambiguous("issue.leftover", "leftovers are removed first")
    new = _mint(cx)
    _check_new(cx, new.handle.id)
    made = _made(new.handle, cx.server_at or cx.now)
    if cx.traits.origin == "assigned":
        cx.note(made)
    version = _stage(cx, new)
    return made | Issued(new_version=version)


def _mint(cx: Context) -> Credential:
    try:
        looked = Issued.of(cx.looked.facts)
        leftovers.unlabel(cx, looked.forgotten)
        if looked.rehearse:
            cast("RehearsesStaging", cx.store).rehearse(cx.attempt)
        return cx.issuer.issue(cx.attempt)
    except (Permanent, Transient) as definite:
        definite.facts |= Attempt(void=True, unsent=True).facts
        raise


def _check_new(cx: Context, handle_id: str) -> None:
    """Refuses an answer that names an instance from before the mint. To go on would destroy what
    readers have, once as the new credential or once as the old one."""
    if handle_id not in {*Issued.of(cx.looked.facts).inventory, cx.rotation.old}:
        return
    said = f"the service answered the mint with {handle_id}, which was there before"
    fields = kept(cx, cx.rotation.old_version) if cx.bound.probe is not None else None
    if fields is not None and cx.probe.login(fields) is Verdict.ACCEPTED:
        raise NeedsPerson(
            "held.needs-person",
            f"{said}; nothing was staged, and what readers have logs in",
            "find out why it makes no second one; `rotation resume` removes what that mint may "
            "have left, and asks once more",
        )
    raise NeedsPerson(
        "held.replaced-in-place",
        f"{said}: most likely what readers hold of it has stopped working; nothing was staged",
        "make a credential at the service by hand, write it into the secret, then "
        f"`rotation resolve {cx.spec.secret} --accept-current`",
    )


def _made(handle: Handle, at: datetime) -> Issued:
    """at: when we minted it; used where the service reports no creation time."""
    return Issued(new=handle.id, created=handle.created or at, expires=handle.expires)


def _stage(cx: Context, new: Credential) -> str:
    onto = Issued.of(cx.looked.facts).edited or cx.rotation.old_version
    if cx.rotation.rules.makes_first:
        onto = None
    if cx.rotation.rules.replaces_dead:
        onto = cx.rotation.state(Step.FIND_DEAD).record(FoundDead).base
    try:
        return cx.store.stage(cx.attempt, new, onto=onto)
    except (Permanent, Transient) as definite:
        if cx.traits.delegated:
            raise  # the service keeps what it made, so it can be read back
        # The bytes are lost, so an instance that nobody can use must not stay alive.
        if cx.traits.origin == "assigned":
            leftovers.destroy(cx, new.handle.id)
        definite.facts |= Attempt(void=True).facts
        raise


def settle_doubt(cx: Context) -> Record:
    """An intent without a fact: looks at the world first, then acts."""
    began = cx.state.began_at
    assert began is not None, "doubt begins with an intent"
    known = cx.state.record(Issued)
    if known.removing:
        return leftovers.remove(cx, known.removing[0])
    version = mark(cx.installation, cx.attempt)
    wait_until(began + cx.settle, cx.now, "issue.doubt", "waits until the world has settled")
    if cx.traits.delegated:
        return _read_back(cx)
    state = cx.store_state()
    staged = any(each.id == version for each in state.versions)
    if cx.traits.origin == "chosen":
        if staged:
            handle = replace(cx.issuer.issue(cx.attempt).handle, created=began)
            return _made(handle, began) | Issued(new_version=version)
        raise leftovers.void(
            "issue.nothing-staged", "nothing was staged; the next attempt starts again"
        )
    if known.new is not None:
        if staged:
            return Issued(new_version=version)
        leftovers.destroy(cx, known.new)
        raise leftovers.void(
            "issue.bytes-lost", f"{known.new} was never staged and has been removed"
        )
    return _unnoted(cx, cx.listing())


def _read_back(cx: Context) -> Record:
    """The service keeps what it made, so a lost answer is read back instead of requested again."""
    new, began = cast("DelegatedIssuer", cx.issuer).read_back(), cx.state.began_at
    known = cx.state.record(Issued)
    if new.handle.id in known.inventory:
        if began is not None and cx.now < began + REPLACED_WITHIN:
            raise NotYet(
                "issue.doubt",
                "waits to see whether the service replaces it by itself: readers would not have the new one",
                until=cx.now + max(REPLACED_WITHIN / 6, timedelta(seconds=1)),
                observed=Doubt(read_once=True).facts,
            )
        return _nothing_minted(cx)
    if known.new not in (None, new.handle.id):
        raise leftovers.void("issue.replaced-again", "what was made is no longer the latest")
    made = _made(new.handle, began or cx.now)
    cx.note(made)
    return made | Issued(new_version=_stage(cx, new))


def _unnoted(cx: Context, listing: Listing) -> Record:
    """BEGAN without NOTED. Either nothing was minted, or there is an instance whose bytes are lost,
    or a colleague made one at the same time. That it appeared during our attempt proves nothing;
    our own mark, where the issuer keeps one, does."""
    for handle in listing.handles:
        if handle.mark == mark(cx.installation, cx.attempt):
            leftovers.destroy(cx, handle.id)
            raise leftovers.void(
                "issue.bytes-lost", f"{handle.id} was never staged and has been removed"
            )
    before = {*cx.state.record(Issued).inventory}
    unknown = sorted(listing.ids - before - cx.rotation.foreign)
    if not unknown:
        return _nothing_minted(cx)
    allowed = cx.rotation.ours if not cx.spec.exclusive else cx.rotation.ours | set(unknown)
    if len(unknown) > 1 or not allowed.issuperset(unknown):
        drift.check_unknown(cx, listing, before)
    return remove_unknown(cx, unknown[0])


def _nothing_minted(cx: Context) -> Record:
    if cx.settle and not cx.state.record(Doubt).read_once:
        raise NotYet(
            "issue.doubt",
            "reads the listing a second time",
            until=cx.now + cx.settle,
            observed=Doubt(read_once=True).facts,
        )
    raise leftovers.void(
        "issue.nothing-minted", "nothing was minted; the next attempt starts again"
    )


def remove_unknown(cx: Context, handle_id: str) -> Record:
    """Suspend, soak, destroy. Only an instance that was never used, read twice across the report's
    lag, or one that an operator named as ours."""
    if handle_id in cx.rotation.ours:
        return leftovers.remove(cx, handle_id)
    before = cx.state.record(Doubt)
    doubt = before if before.doubt_of == handle_id else Doubt()
    _never_used(cx, handle_id)
    if doubt.doubt_read_at is None:
        raise NotYet(
            "issue.doubt",
            f"watches whether {handle_id} is used",
            until=cx.now + max(cx.traits.report_lag, cx.settle),
            observed=Doubt(doubt_of=handle_id, doubt_read_at=cx.now, doubt_off_at=None).facts,
        )
    if cx.traits.can_suspend and doubt.doubt_off_at is None:
        cx.issuer.suspend(handle_id)
        raise NotYet(
            "issue.doubt",
            f"{handle_id} is off; soaks before it is destroyed",
            until=cx.now + timedelta(seconds=cx.spec.soak_s),
            observed=Doubt(doubt_off_at=cx.now).facts,
        )
    leftovers.destroy(cx, handle_id)
    raise leftovers.void("issue.doubt-removed", f"{handle_id} was never used and has been removed")


def _never_used(cx: Context, handle_id: str) -> None:
    known = {cx.rotation.old, cx.rotation.new}
    used = cx.issuer.usage(handle_id).last_used if cx.traits.reports_usage else None
    if handle_id in known or used is not None:
        raise NeedsPerson(
            "held.unknown-instance",
            f"{handle_id} appeared during our mint and is in use: it is somebody's; it was not touched",
            f"`rotation resolve {cx.spec.secret} --foreign ID` leaves it alone",
            instances=handle_id,
        )


def activate(cx: Context) -> Record:
    """Chosen values: afterwards every verifier accepts the staged value as well as the old one."""
    fields = cx.store.read(cx.new_version(), under=PermissionSet.VERIFY)
    cx.issuer.activate(Credential(handle=Handle(id=cx.new()), fields=fields))
    return Record()


def verify(cx: Context) -> Record:
    """Logs in with exactly the staged version, several times over the settle time; a wrong secret
    must be refused. Where the old credential is refused too, the probe is at fault, not the new
    credential."""
    if cx.rotation.unverified:
        return Verified(version=cx.new_version(), unverified=True)
    fields = cx.store.read(cx.new_version(), under=PermissionSet.VERIFY)
    refused = Refused("verify.refused", "the new credential does not log in; nothing was promoted")
    try:
        logins = logins_agree(cx, fields, Verdict.ACCEPTED, refused)
    except Refused as error:
        if error is refused:
            _check_probe(cx)
        raise
    if cx.probe.wrong(fields) is Verdict.ACCEPTED:
        raise NeedsPerson(
            "held.probe-meaningless",
            "the probe accepts a wrong secret; nothing was promoted",
            "fix the probe or the service's authentication",
        )
    return logins | Verified(version=cx.new_version())


def _check_probe(cx: Context) -> None:
    version = cx.rotation.old_version
    if not cx.rotation.rules.overlaps or version is None:
        return
    old = cx.store.read(version, under=PermissionSet.PROVE)
    if cx.probe.login(old) is Verdict.REFUSED:
        raise NeedsPerson(
            "held.probe-broken",
            "the probe refuses the old credential too; nothing was promoted",
            "fix the probe, then `rotation resume`",
            instances=cx.rotation.old,
        )


LOOKS = {Step.ISSUE: look_issue, Step.ACTIVATE: cutover.look_activate}
EFFECTS = {Step.PLACE: place, Step.ISSUE: issue, Step.ACTIVATE: activate, Step.VERIFY: verify}
