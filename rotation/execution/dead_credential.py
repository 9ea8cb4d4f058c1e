"""Whether what readers get is of no use: one look at store and issuer, and one login.

Asked by a person's `rotate --replace` before anything is opened, and by its first row again.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rotation.errors import NeedsPerson, Transient
from rotation.interfaces import Adapters
from rotation.types import (
    Fields,
    KeyState,
    Listing,
    PermissionSet,
    StoreState,
    Verdict,
)


class Dead(StrEnum):
    """Why readers cannot log in with what they get, as it was seen."""

    GONE = "gone"  # the issuer no longer lists it
    SUSPENDED = "suspended"  # the issuer lists it as off
    ENDED = "ended"  # its end, as the issuer tells it, is over
    REFUSED = "refused"  # a login with it was refused
    LOST = "lost"  # the store has no bytes of it, or none that can be read


OFF_FOR_GOOD = frozenset({Dead.GONE, Dead.SUSPENDED, Dead.ENDED})
"""Nobody can be using it, wherever else its bytes may be."""


@dataclass(frozen=True, slots=True)
class Found:
    """version: what readers get. handle: the instance that its bytes name, where they can be read;
    else the one that the journal has. dead: None where nothing shows that it is. base: the version
    whose other keys can be kept."""

    version: str | None
    handle: str | None
    dead: Dead | None
    base: str | None = None


def look(
    bound: Adapters,
    known: tuple[str | None, str | None],
    state: StoreState,
    listing: Listing,
    now: datetime,
) -> Found:
    """known: the version and the handle that the journal has as current. Raises what the reads
    raise: an unreachable store or service tells nothing about a credential."""
    version = state.current
    if version is None:
        return Found(None, known[1], Dead.LOST)
    try:
        fields = bound.store.read(version, under=PermissionSet.PROVE)
    except (NeedsPerson, Transient) as error:
        if error.code not in UNREADABLE:
            raise
        base = version if error.code == "store.missing-field" else None
        return Found(version, known[1], Dead.LOST, base)
    handle = known[1] if version == known[0] else _handle_of(bound, fields, version)
    said = describe(bound, handle, listing, now)
    return Found(version, handle, said or _refused(bound, fields), version)


UNREADABLE = frozenset(
    {
        "store.version-missing",
        "store.missing-field",
        "store.not-json",
        "store.duplicate-keys",
        "store.binary",
    }
)
"""The store answered, and what it has is no credential."""

NOBODYS = frozenset({"issuer.unknown-value", "http.nobody-s", "http.id"})
"""The issuer answered, and knows of nothing with these bytes."""


def _handle_of(bound: Adapters, fields: Fields, version: str) -> str | None:
    """None: nobody's. It may be of another place, where it works: a login tells."""
    try:
        return bound.issuer.handle_of(fields, version)
    except NeedsPerson as error:
        if error.code not in NOBODYS:
            raise
        return None


def describe(bound: Adapters, handle: str | None, listing: Listing, now: datetime) -> Dead | None:
    """What the issuer says of it."""
    if not bound.issuer.traits.lists or handle is None:
        return None
    listed = listing.find(handle)
    if listed is None:
        return Dead.GONE
    if listed.state is KeyState.SUSPENDED:
        return Dead.SUSPENDED
    return Dead.ENDED if listed.expires is not None and listed.expires <= now else None


def _refused(bound: Adapters, fields: Fields) -> Dead | None:
    if bound.probe is None or bound.probe.login(fields) is Verdict.ACCEPTED:
        return None
    return Dead.REFUSED
