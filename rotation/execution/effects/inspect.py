"""ADOPT and REPAIR read, record and claim what is there. They change only our own marks and labels
that were left behind."""

from rotation.errors import NeedsPerson
from rotation.execution.effects import neighbours, shared
from rotation.execution.effects.context import Context, kept, logins_agree
from rotation.journal.entries import stamp
from rotation.journal.facts import Claimed, Inspected, Issued, Opened, Relabelled
from rotation.journal.record import Record
from rotation.machine.replay import Mode
from rotation.plan import Step
from rotation.types import (
    PENDING,
    Fields,
    Handle,
    Json,
    KeyState,
    Listing,
    PermissionSet,
    StoreState,
    Verdict,
    Version,
    is_any_mark,
    is_our_mark,
)


def inspect(cx: Context) -> Record:
    """Reads the current value once and finds its instance at the issuer: that is the baseline.
    Other instances are listed as foreign."""
    state, listing = cx.store_state(), cx.listing()
    if state.refusal is not None:
        raise NeedsPerson(*state.refusal)
    _claimable(cx, state)
    current = state.current
    if current is None:
        raise NeedsPerson(
            "held.empty",
            "the secret has no current version",
            f"`rotation create {cx.spec.secret}` makes the first one",
        )
    _not_forgotten(cx, current)
    fields = cx.store.read(current, under=PermissionSet.PROVE)
    handle = _handle(cx, fields, current, listing)
    if cx.rotation.mode is Mode.ACCEPT:
        _logs_in(cx, fields, handle)
    logins = shared.found(cx, [handle], fields)
    if cx.rotation.rules.adopts:
        shared.check(cx, logins)
    # After `resolve --accept-current` earlier instances of ours may still be alive; they are not
    # foreign.
    ours = {handle.id, cx.rotation.old, cx.rotation.new} | cx.rotation.ours
    return Inspected(
        version=current,
        handle=handle.id,
        expires=handle.expires,
        foreign=sorted(listing.ids - ours),
        others=_others(cx, listing, handle.id),
        stale=neighbours.stale(cx, current, handle.id),
        logins=logins,
        known=sorted(state.pointers - _leftover(state)),
        claim=state.claim,
    ) | _dated(cx, handle)


def _dated(cx: Context, handle: Handle) -> Inspected:
    """Dates it by the issuer, else by the operator's word, else by what the journal knows of it."""
    if handle.created is not None:
        return Inspected(created=handle.created, stated=False)
    if said := Opened.of(cx.rotation.opened.facts).created:
        return Inspected(created=said, stated=True)
    if handle.id == cx.rotation.new:
        return Inspected(created=cx.rotation.state(Step.ISSUE).record(Issued).created, stated=False)
    if handle.id == cx.rotation.old:
        before = cx.rotation.baseline
        return Inspected(created=before.created, stated=before.stated)
    return Inspected(created=None, stated=True)


def _claimable(cx: Context, state: StoreState) -> None:
    take_over = Opened.of(cx.rotation.opened.facts).take_over
    if state.claim is not None and state.claim != cx.installation and not take_over:
        raise NeedsPerson(
            "held.claim-foreign",
            f"installation {state.claim} claims this secret; nothing was touched",
            f"if that one is gone: `rotation adopt {cx.spec.secret} --take-over`",
        )


def _not_forgotten(cx: Context, current: str) -> None:
    """A version with our mark that the journal does not know means that the journal was lost."""
    adopting = cx.rotation.rules.adopts and cx.rotation.mode is Mode.FORWARD
    take_over = Opened.of(cx.rotation.opened.facts).take_over
    knows = current in (cx.rotation.baseline.version, *cx.rotation.baseline.known)
    if adopting and not take_over and not knows and is_our_mark(current, cx.installation):
        raise NeedsPerson(
            "held.journal-behind",
            f"the current version {current} is ours, but this journal does not know it",
            "restore the newest journal; if it is gone for good: "
            f"`rotation adopt {cx.spec.secret} --take-over`",
        )


def _logs_in(cx: Context, fields: Fields, handle: Handle) -> None:
    """Checks a value that an operator accepts. ADOPT and REPAIR have their own row for this."""
    refused = NeedsPerson(
        "held.probe-broken",
        "the current value does not log in, and readers get it now; it was not accepted, and "
        "nothing was removed",
        f"write a value that works, then `rotation resume {cx.spec.secret}`; or "
        f"`rotation rotate {cx.spec.secret} --replace`",
        instances=handle.id,
    )
    if cx.bound.probe is not None:
        logins_agree(cx, fields, Verdict.ACCEPTED, refused)


def _handle(cx: Context, fields: Fields, version: str, listing: Listing) -> Handle:
    if not cx.traits.lists:
        return _by_its_bytes(cx, fields) or Handle(id=cx.issuer.handle_of(fields, version))
    handle_id = cx.issuer.handle_of(fields, version)
    handle = listing.find(handle_id)
    if handle is None:
        raise NeedsPerson(
            "held.instance-missing",
            f"the current value names {handle_id}, which the issuer does not list",
            "the secret holds a dead credential, or the issuer's user is another one",
            instances=handle_id,
        )
    if handle.state is not KeyState.ACTIVE:
        raise NeedsPerson(
            "held.found-suspended", f"{handle_id} is {handle.state}", instances=handle_id
        )
    return handle


def _by_its_bytes(cx: Context, fields: Fields) -> Handle | None:
    """An issuer that lists nothing knows an instance only by its bytes. Writing the same bytes
    again, beside another key, makes no new instance."""
    known = {cx.rotation.old: cx.rotation.old_version, cx.rotation.new: cx.rotation.new_version}
    known |= {instance: left.version for instance, left in cx.rotation.leftovers.items()}
    for instance, version in known.items():
        if instance is not None and kept(cx, version) == fields:
            return Handle(id=instance)
    return None


def _others(cx: Context, listing: Listing, handle_id: str) -> list[Json]:
    """Further live instances are a finding, shown with their age and last use."""
    others: list[Json] = []
    for handle in listing.handles:
        if handle.id != handle_id:
            used = cx.issuer.usage(handle.id).last_used if cx.traits.reports_usage else None
            others.append([handle.id, str(handle.state), stamp(handle.created), stamp(used)])
    return others


def _leftover(state: StoreState) -> set[str]:
    return {version.id for version in _pending(state)} - {state.current}


def _pending(state: StoreState) -> list[Version]:
    return [version for version in state.versions if PENDING in version.labels]


def claim(cx: Context) -> Record:
    cx.store.claim(cx.installation)
    return Claimed(claim=cx.installation)


def relabel(cx: Context) -> Record:
    """Removes pending labels that no rotation needs. It never promotes a version that this
    installation did not stage, and leaves another installation's pending version to a person."""
    state = cx.store_state()
    pending = [version.id for version in _pending(state)]
    for version in pending:
        if is_any_mark(version) and not is_our_mark(version, cx.installation):
            raise NeedsPerson(
                "held.foreign-mark",
                f"version {version} is another installation's; it was not touched",
            )
    for version in pending:
        cx.store.unlabel(version, PENDING, under=PermissionSet.PROMOTE)
    return Relabelled(repair="pending-removed" if pending else "none", pending=pending)


EFFECTS = {Step.INSPECT: inspect, Step.CLAIM: claim, Step.RELABEL: relabel}
