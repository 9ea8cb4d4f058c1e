"""Frees a slot at a full issuer while readers have no working credential. It removes an instance
that nobody can be using, or one that an operator gave up."""

from collections.abc import Sequence

from rotation.errors import SlotFull
from rotation.execution.effects.context import Context
from rotation.journal.facts import Room
from rotation.journal.record import Record
from rotation.types import Handle, Listing, PermissionSet


def look(cx: Context, listing: Listing, unused: Sequence[str]) -> Record:
    """Picks the instance to destroy; none where there is a free slot. unused: listed instances that
    nobody can be using, the best choice first. If the answer to a destroy was lost, the listing
    shows whether it happened."""
    most, begun = cx.traits.live_max, cx.state.record(Room).spare
    if begun is not None and begun not in listing.ids:
        return Room(spare=begun)
    if most is None or len(listing.handles) < most:
        return Room(spare=None)
    spare = [*sorted(listing.ids & cx.rotation.given_up), *unused]
    if spare:
        return Room(spare=spare[0])
    raise SlotFull(
        "held.slot-full",
        f"the issuer is full, and none there is certainly unused: {_used_by(cx, listing)}; readers are "
        "without a working credential",
        f"`rotation resolve {cx.spec.secret} --ours ID`, of the one that nobody needs: it is "
        "destroyed at once, and this goes on",
    )


def _used_by(cx: Context, listing: Listing) -> str:
    return ", ".join(f"{handle.id} ({_known(cx, handle)})" for handle in listing.handles)


def _known(cx: Context, handle: Handle) -> str:
    ours = handle.id in cx.rotation.ours | {cx.rotation.old}
    whose = f"{'ours' if ours else 'not ours'}, {handle.state}"
    if not cx.traits.reports_usage:
        return whose
    used = cx.issuer.usage(handle.id).last_used
    return f"{whose}, {f'last used {used:%Y-%m-%d %H:%M} UTC' if used else 'never used'}"


def made(cx: Context, looked: Record) -> Record:
    spare = Room.of(looked.facts).spare
    if spare is not None:
        cx.issuer.destroy(spare, under=PermissionSet.REVOKE)
    return Room(destroyed=spare)
