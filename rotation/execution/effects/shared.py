"""Two entries with one login in the world: each rotation of the one ends the other's credential.

The configuration shows it where both say the login's name. Where a service or the secret says it,
what was found of each entry is in the journal, and is compared before anything is made.
"""

from collections.abc import Collection
from typing import TypeGuard, cast

from rotation.errors import NeedsPerson
from rotation.execution.effects.context import Context
from rotation.interfaces import DelegatedIssuer, NamesLogins, Probe
from rotation.types import Fields, Handle, Listing


def found(cx: Context, handles: Collection[Handle], fields: Fields | None) -> list[str]:
    """The logins of these instances by their names in the world. fields: what a service that keeps
    the credential of another one has now: the other one knows it by a name of its own."""
    names = {handle.login for handle in handles if handle.login is not None}
    probe = cx.bound.probe
    if names and fields is not None and cx.traits.delegated and _names(probe):
        names |= {name for name in [probe.login_name(fields)] if name is not None}
    return sorted(names)


def look(cx: Context, listing: Listing) -> list[str]:
    """Before a mint: raises where another entry has one of them."""
    fields = None
    if cx.traits.delegated and listing.handles:
        fields = cast("DelegatedIssuer", cx.issuer).read_back().fields
    names = found(cx, own(cx, listing), fields)
    check(cx, names)
    return names


def own(cx: Context, listing: Listing) -> list[Handle]:
    ours = {cx.rotation.old, cx.rotation.new} | cx.rotation.ours
    return [handle for handle in listing.handles if cx.traits.delegated or handle.id in ours]


def known(cx: Context, listing: Listing) -> list[str]:
    """As far as it was recorded, or is listed: nobody logs in for it."""
    return [*found(cx, own(cx, listing), None), *cx.rotation.baseline.logins]


def check(cx: Context, names: Collection[str]) -> None:
    others = cx.others(names)
    if others:
        raise NeedsPerson(
            "held.shared-login",
            f"{' and '.join(others)} logs in as the same user, and a rotation of one ends the "
            "credential of the other; nothing was made",
            "let one entry stand for that login in rotation.yaml, with all its consumers; then "
            f"`rotation resume {cx.spec.secret}`, or `rotation abandon {cx.spec.secret}` where this "
            "entry is the one that goes",
        )


def _names(probe: Probe | None) -> TypeGuard[NamesLogins]:
    # By name: the adapter may stand behind another object, which has no such type of its own.
    return hasattr(probe, "login_name")
