"""REPLACE: readers have no working credential, so a new one is made without evidence about the old
one. First it is checked that the old one is dead: a working credential is never replaced this way.
"""

from dataclasses import replace
from datetime import timedelta
from typing import cast

from rotation.errors import NeedsPerson, NotYet
from rotation.execution import dead_credential
from rotation.execution.dead_credential import OFF_FOR_GOOD, Dead
from rotation.execution.effects import (
    create,
    drift,
    free_slot,
    leftovers,
    neighbours,
    propagate,
    revoke,
)
from rotation.execution.effects.context import Context, wait_until
from rotation.interfaces import WritesOverLost
from rotation.journal.facts import Destroyed, FoundDead, Issued, LookedBefore, Proof, Written
from rotation.journal.record import Record
from rotation.plan import Step
from rotation.types import PENDING, Death, KeyState, Listing, PermissionSet, Verdict


def find_dead(cx: Context) -> Record:
    """Finds why the current credential is dead. A refused login is tried twice: the service may not
    be settled yet."""
    state, listing = cx.store_state(), cx.listing()
    # A secret that was never adopted has no claim; an operator asked for this, as for a `create`.
    unclaimed = state.claim is None and not cx.rotation.baseline.handle
    state = replace(state, claim=cx.installation) if unclaimed else state
    # A lost value may make the store refuse writes, so only the claim is compared.
    (drift.check_claim if state.lost else drift.check_writable)(cx, state)
    known = cx.rotation.baseline.version, cx.rotation.baseline.handle
    found = dead_credential.look(cx.bound, known, state, listing, cx.now)
    if found.dead is None:
        raise NeedsPerson(
            "held.not-dead",
            f"{found.handle or 'what readers get'} was just looked at, and nothing shows that it is "
            "dead; nothing was done",
            f"`rotation abandon {cx.spec.secret}`, then `rotation rotate {cx.spec.secret}`",
        )
    neighbours.check_parts(cx.store, cx.spec, found.base)
    if found.dead is Dead.REFUSED:
        _refused_again(cx)
    if unclaimed:
        cx.store.claim(cx.installation)
    return FoundDead(
        version=found.version or known[0],
        handle=found.handle,
        dead=found.dead,
        base=found.base,
    )


def _refused_again(cx: Context) -> None:
    since = cx.state.record(FoundDead).since
    if (
        cx.traits.failed_logins_safe > 1
        and cx.settle
        and (since is None or cx.now < since + cx.settle)
    ):
        raise NotYet(
            "replace.refused-once",
            "a login with the current credential was refused; it is tried once more",
            until=(since or cx.now) + cx.settle,
            observed=FoundDead(since=since or cx.now).facts,
        )


def why_dead(cx: Context) -> Dead:
    return Dead(str(cx.rotation.state(Step.FIND_DEAD).record(FoundDead).dead))


def look_issue(cx: Context) -> Record:
    """Records what the issuer has. Leftovers of earlier rotations stay for now: watching them go
    would keep readers waiting."""
    listing, state = cx.listing(), cx.store_state()
    drift.check_slot(cx, listing)
    look = Issued(
        inventory=sorted(listing.ids), removing=[], forgotten=leftovers.pending(cx, state)
    )
    return look | create.rehearsal(cx, state)


def look_room(cx: Context) -> Record:
    """Only if the issuer is full: one of our instances that nobody can be using. Either readers
    never got it and no label names it, or it is the dead one itself."""
    listing = cx.listing()
    unused = _never_served(cx, listing), _off_for_good(cx, listing), _left_off(cx, listing)
    return free_slot.look(cx, listing, [handle for some in unused for handle in some])


def make_room(cx: Context) -> Record:
    return free_slot.made(cx, cx.looked or look_room(cx))


def _never_served(cx: Context, listing: Listing) -> list[str]:
    named = {v.id for v in cx.store_state().versions if v.labels - {PENDING}}
    return [
        handle
        for handle, left in sorted(cx.rotation.leftovers.items())
        if handle in listing.ids and not left.served and left.version not in named
    ]


def _off_for_good(cx: Context, listing: Listing) -> list[str]:
    old = cx.rotation.old
    handle = listing.find(old) if old is not None else None
    if handle is None or why_dead(cx) not in OFF_FOR_GOOD:
        return []
    over = handle.expires is not None and handle.expires <= cx.now
    return [handle.id] if over or handle.state is KeyState.SUSPENDED else []


def _left_off(cx: Context, listing: Listing) -> list[str]:
    """Leftovers of earlier rotations that the issuer lists as off."""
    off = {handle.id for handle in listing.handles if handle.state is KeyState.SUSPENDED}
    return sorted(off & cx.rotation.leftovers.keys())


def promote(cx: Context) -> Record:
    """Where the current bytes are lost, there is no value to merge with."""
    old = cx.rotation.old_version
    if why_dead(cx) is not Dead.LOST or not cx.store_state().lost or old is None:
        return propagate.promote(cx)
    cast("WritesOverLost", cx.store).promote_over_lost(cx.new_version(), expecting=old)
    return Written(version=cx.new_version())


def confirm(cx: Context) -> Record:
    """Waits until every reader has had time to fetch the new credential. No evidence is needed:
    readers had nothing that works."""
    consumer = propagate.consumer_spec(cx)
    refresh = timedelta(seconds=0 if consumer.pushed else consumer.refresh_s)
    wait_until(
        propagate.given_at(cx, Step.PROMOTE, Step.DELIVER) + refresh,
        cx.now,
        "confirm.refresh",
        f"{consumer.id} reads the store again within {consumer.refresh_s} s",
    )
    return Record()


def look_destroy(cx: Context) -> Record:
    """Readers have the new credential. The old one goes only where nobody can be using it; if
    somebody switched it on again, it is only recorded, and the next rotation removes it carefully.
    """
    state, listing = cx.store_state(), cx.listing()
    drift.check_clocks(cx)
    drift.check_current(cx, state, cx.rotation.new_version)
    # An issuer that cannot list is asked by a login; a refused value can be dropped.
    refused = why_dead(cx) is Dead.REFUSED
    useless = _is_useless(cx, listing) if cx.traits.lists else refused
    return LookedBefore(current=state.current, destroying=useless, listing=sorted(listing.ids))


def _is_useless(cx: Context, listing: Listing) -> bool:
    return cx.rotation.old not in listing.ids or bool(_off_for_good(cx, listing))


def destroy(cx: Context) -> Record:
    """Looks once more, because a destroy cannot be undone and somebody may have repaired the
    credential."""
    looked = LookedBefore.of(cx.looked.facts or cx.state.facts)
    old = cx.rotation.old
    if old is None or not looked.destroying:
        return Destroyed(destroyed=[])
    if not cx.traits.lists:
        return Destroyed(destroyed=[old] if _dropped(cx, old) else [])
    listing = cx.listing()
    if not _is_useless(cx, listing):
        return Destroyed(destroyed=[])
    if old in listing.ids:
        cx.issuer.destroy(old, under=PermissionSet.REVOKE)
    return Destroyed(destroyed=[old])


def _dropped(cx: Context, old: str) -> bool:
    """Tries our own bytes first: the refused value may be a different one, written over them."""
    fields = revoke.read_old_or_none(cx)
    if fields is None or cx.probe.login(fields) is Verdict.ACCEPTED:
        return False
    if cx.traits.failed_logins_safe <= 1:
        revoke.good_login(cx, cx.new_version())
    cx.issuer.destroy(old, fields, under=PermissionSet.REVOKE)
    return True


def prove_dead(cx: Context) -> Record:
    """Where the old credential was only recorded, there is no death to prove."""
    before = cx.rotation.state(Step.DESTROY).record(Destroyed)
    if before.has(Destroyed.destroyed) and not before.destroyed:
        return Proof(grade=Death.ASSERTED, recorded=cx.rotation.old)
    return revoke.prove_dead(cx)


EFFECTS = {Step.FIND_DEAD: find_dead}
# The steps that this plan does in its own way.
OWN_LOOKS = {Step.MAKE_ROOM: look_room, Step.ISSUE: look_issue, Step.DESTROY: look_destroy}
OWN_EFFECTS = {
    Step.MAKE_ROOM: make_room,
    Step.PROMOTE: promote,
    Step.CONFIRM: confirm,
    Step.DESTROY: destroy,
    Step.PROVE_DEAD: prove_dead,
}
