"""Finds out whether the current credential is dead: one look at store and issuer, and one login.

`rotate --replace` asks this before it opens anything, and the first row of REPLACE asks it again.
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
    """Why readers cannot log in with the current credential."""

    GONE = "gone"  # the issuer no longer lists it
    SUSPENDED = "suspended"  # the issuer lists it as off
    ENDED = "ended"  # its expiry, as the issuer reports it, has passed
    REFUSED = "refused"  # a login with it was refused
    LOST = "lost"  # the store has no bytes of it, or none that it can read


# Nobody can be using it, wherever its bytes may be.
OFF_FOR_GOOD = frozenset({Dead.GONE, Dead.SUSPENDED, Dead.ENDED})


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    version: str | None  # what readers get
    # The instance that the bytes name; where they cannot be read, the one that the journal has.
    handle: str | None
    dead: Dead | None  # None: nothing shows that it is dead
    base: str | None = None  # the version whose other keys can be kept


def look(
    bound: Adapters,
    known: tuple[str | None, str | None],
    state: StoreState,
    listing: Listing,
    now: datetime,
) -> Found:
    """known: the current version and handle in the journal. Raises whatever the reads raise: an
    unreachable store or service shows nothing about a credential."""
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
    handle = known[1] if version == known[0] else None
    if handle is None:
        handle = _handle_of(bound, fields, version)
    said = describe(bound, handle, listing, now)
    return Found(version, handle, said or _refused(bound, fields), version)


# The store answered, and what it has is not a credential.
UNREADABLE = frozenset(
    {
        "store.version-missing",
        "store.missing-field",
        "store.not-json",
        "store.duplicate-keys",
        "store.binary",
    }
)

# The issuer answered, and these bytes are none of its credentials.
NOBODYS = frozenset({"issuer.unknown-value", "http.nobody-s", "http.id"})


def _handle_of(bound: Adapters, fields: Fields, version: str) -> str | None:
    """None where the issuer does not know it. It may still work at another service: a login shows
    that."""
    try:
        return bound.issuer.handle_of(fields, version)
    except NeedsPerson as error:
        if error.code not in NOBODYS:
            raise
        return None


def describe(bound: Adapters, handle: str | None, listing: Listing, now: datetime) -> Dead | None:
    """What the issuer's listing shows."""
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
