"""Two entries that log in as the same user: each rotation of one ends the other's credential.

Where both entries name their login, the configuration shows it. Where the service or the secret
names it, the journal records the login of each entry, and it is compared before a mint.
"""

from collections.abc import Collection
from typing import TypeGuard, cast

from rotation.errors import NeedsPerson
from rotation.execution.effects.context import Context
from rotation.interfaces import DelegatedIssuer, NamesLogins, Probe
from rotation.types import Fields, Handle, Listing


def found(cx: Context, handles: Collection[Handle], fields: Fields | None) -> list[str]:
    """The names under which these instances log in. fields: the present value of a service that
    keeps the credential for another one, which may know the login under a different name."""
    names = {handle.login for handle in handles if handle.login is not None}
    probe = cx.bound.probe
    if names and fields is not None and cx.traits.delegated and _names(probe):
        names |= {name for name in [probe.login_name(fields)] if name is not None}
    return sorted(names)


def look(cx: Context, listing: Listing) -> list[str]:
    """Runs before a mint: raises where another entry uses one of these logins."""
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
    """The logins that are recorded or listed; it makes no login of its own."""
    return [*found(cx, own(cx, listing), None), *cx.rotation.baseline.logins]


def check(cx: Context, names: Collection[str]) -> None:
    others = cx.others(names)
    if others:
        raise NeedsPerson(
            "held.shared-login",
            f"{' and '.join(others)} logs in as the same user, and a rotation of one ends the "
            "credential of the other; nothing was made",
            "keep one entry for that login in rotation.yaml, with all its consumers; then "
            f"`rotation resume {cx.spec.secret}`, or `rotation abandon {cx.spec.secret}` where this "
            "entry is the one that goes",
        )


def _names(probe: Probe | None) -> TypeGuard[NamesLogins]:
    # By name: the adapter may be wrapped in a proxy, which has no type of its own.
    return hasattr(probe, "login_name")
