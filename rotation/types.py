"""The nouns: what a credential, an instance, a version and a listing are. Standard library only."""

import base64
import hashlib
import re
import threading
import urllib.parse
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple, NoReturn, TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
Facts: TypeAlias = dict[str, Json]

# Shorter values are refused: searching texts for them would match everywhere.
SECRET_LENGTH_MIN = 8


class SecretValue:
    """A secret that cannot be printed, logged, pickled or copied by accident.
    `reveal` is the only way to the bytes. While an instance lives, `contains_live_value` finds it
    in any text, so that the writers of journal, log and report can refuse that text."""

    __slots__ = ("__weakref__", "_spellings", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._spellings: tuple[str, ...] | None = None
        if len(value) >= SECRET_LENGTH_MIN:
            with _live_lock:
                _live.add(self)

    def reveal(self) -> str:
        return self._value

    def is_in(self, text: str) -> bool:
        """Whether `text` holds it, plain or in a usual encoding."""
        if self._spellings is None:
            self._spellings = tuple(_spellings(self._value))
        return any(spelling in text for spelling in self._spellings)

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretValue) and self._value == other._value

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return "SecretValue(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "SecretValue(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("SecretValue refuses to be pickled or copied")


_live: "weakref.WeakSet[SecretValue]" = weakref.WeakSet()
_live_lock = threading.Lock()


def _spellings(value: str) -> Iterator[str]:
    raw = value.encode(errors="surrogatepass")  # a service may have sent even that
    yield value
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
    yield raw.hex()
    yield urllib.parse.quote(raw, safe="")
    yield value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def contains_live_value(text: str) -> bool:
    """Whether `text` holds a secret that is in memory now, plain or in a usual encoding."""
    with _live_lock:
        values = list(_live)
    return any(value.is_in(text) for value in values)


class PermissionSet(StrEnum):
    """What a provider call may do; the only source of roles and policies."""

    OBSERVE = "observe"
    MINT = "mint"
    VERIFY = "verify"
    PROMOTE = "promote"
    DELIVER = "deliver"
    PROVE = "prove"
    REVOKE = "revoke"
    CONTAIN = "contain"
    CLAIM = "claim"


class KeyState(StrEnum):
    """What the issuer says of an instance (NIST SP 800-57: active, suspended)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class Renamed(NamedTuple):
    """An instance that was renamed at its issuer."""

    was: str  # the id that consumers have
    back: str  # the command that restores it, to be typed at the issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """The public name of one instance at its issuer. Never a secret: it is shown and journaled."""

    id: str
    created: datetime | None = None
    state: KeyState = KeyState.ACTIVE
    expires: datetime | None = None
    # The mark of the attempt that made it, where the issuer keeps that label and lists it.
    mark: str | None = None
    # The user it logs in as, where several entries can share one login; the same name for all.
    login: str | None = None
    renamed: Renamed | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Every live instance of an identity, suspended ones included, as the issuer lists them."""

    handles: tuple[Handle, ...]
    server_at: datetime | None = None

    def find(self, handle_id: str) -> Handle | None:
        return next((handle for handle in self.handles if handle.id == handle_id), None)

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(handle.id for handle in self.handles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a client logs in with, by the issuer's field names."""

    # Ids and user names: they are shown and may be journaled.
    public: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, SecretValue] = field(default_factory=dict)
    # Further keys that a store writes from these fields; not part of the credential itself.
    composed: Mapping[str, SecretValue] = field(default_factory=dict, compare=False)

    @property
    def padded(self) -> list[str]:
        """Those with white space at an end, which an editor or a shell may have added."""
        values = {**self.public, **{name: value.reveal() for name, value in self.secret.items()}}
        return sorted(name for name in values if values[name] != values[name].strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One instance together with its bytes."""

    handle: Handle
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUsed:
    """The issuer's report of an instance's latest use."""

    last_used: datetime | None
    service: str | None = None  # where it was used, if the issuer says


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What an issuer can do, as data. Plans are compiled from it; the conformance suite checks
    each claim."""

    # Who chooses the value: the issuer when it mints, or the runner before that.
    origin: Literal["assigned", "chosen"]
    can_suspend: bool
    reports_usage: bool
    # Old and new work side by side. False: a new credential ends the old one at once, so once that
    # is intended the rotation only goes forward (IN_PLACE where values are chosen, DELEGATED where
    # they are assigned: a `DelegatedIssuer`). Such an issuer cannot suspend, and its options must
    # say `in_place: true`.
    overlap: bool = True
    lists: bool = True
    # How many instances may exist at once; suspended ones count.
    live_max: int | None = None
    # How late a usage report may be.
    report_lag: timedelta = timedelta()
    # How many failed logins do no harm, and what further ones would lock.
    failed_logins_safe: int = 1
    failed_logins_lock: str = "nothing known"
    # What outlives an emergency: things that were obtained with the credential before.
    survives: str = "sessions that were obtained with it earlier, until they end by themselves"
    # What else ends when one instance is contained.
    ends: str = ""

    @property
    def delegated(self) -> bool:
        """The service keeps the one credential itself and replaces it when asked."""
        return self.origin == "assigned" and not self.overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable value in a store and the labels that point at it."""

    id: str
    labels: frozenset[str] = frozenset()
    created: datetime | None = None


CURRENT, PENDING, PREVIOUS, COMPROMISED = "current", "pending", "previous", "compromised"
"""The labels of every store, in the core's words; adapters translate."""


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """One fresh read of a secret's pointers; no value in it."""

    # The labelled versions.
    versions: tuple[Version, ...]
    # The installation that owns the secret, if any.
    claim: str | None = None
    # (code, sentence) where the store must not be written: somebody else rotates it, for example.
    refusal: tuple[str, str] | None = None
    # region -> "in-sync" | "in-progress" | "failed"
    replicas: Mapping[str, str] = field(default_factory=dict)
    server_at: datetime | None = None
    # Asks the service which permissions these sets lack. Nothing where it cannot say.
    missing: Callable[[Collection[PermissionSet]], tuple[str, ...]] = field(
        default=lambda sets: (), compare=False
    )
    # The store refuses because the current version has lost its value: readers get nothing.
    lost: bool = False
    # The encryption key has its own owner, who may refuse; only a write shows that.
    own_key: bool = False

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return {label: version.id for version in self.versions for label in version.labels}

    @property
    def current(self) -> str | None:
        return self.labels.get(CURRENT)

    @property
    def pending(self) -> str | None:
        return self.labels.get(PENDING)

    @property
    def pointers(self) -> frozenset[str]:
        """Ids of the versions that any label names."""
        return frozenset(version.id for version in self.versions if version.labels)


class Verdict(StrEnum):
    """A probe's answer. Anything else (time-out, throttle, clock) is an error, not a verdict."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Evidence(StrEnum):
    """Why a consumer is believed to have moved, strongest first."""

    ACKNOWLEDGED = "acknowledged"
    USAGE = "usage"
    ELAPSED = "elapsed"


class Death(StrEnum):
    """How certain it is that an instance is dead; always printed."""

    PROVED = "proved"
    ASSERTED = "asserted"
    SENT = "sent"


def stream_of(issuer: str, identity: str) -> str:
    """An identity's name in paths and labels; the key of its stream."""
    return f"{issuer}-{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


def mark(installation: str, attempt: str) -> str:
    """The version token of an attempt: how this installation marks what it made."""
    return f"rot1-{installation}-{attempt}"


def is_our_mark(version: str, installation: str) -> bool:
    return version.startswith(f"rot1-{installation}-")


def is_any_mark(version: str) -> bool:
    return version.startswith("rot1-")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """One plugin's part of a specification: its registered name and its options as plain JSON."""

    type: str
    options: Facts = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSpec:
    """A consumer of the secret, as the machine needs to know it."""

    id: str
    plugin: PluginSpec
    pushed: bool  # `deliver` does something
    confirms: bool  # a delivery acknowledges the version
    refresh_s: int  # the longest time until it reads the store again
    accept_elapsed: bool = False
    role: str = "reader"  # "verifier": the service that must accept the credential
    gone: bool = False
    wave: int = 1  # it is given the new credential once all of the waves before have moved
    bake_s: int = 0  # it has to run on it for so long before the next wave


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The resolved specification of one identity: everything that a rotation keeps to the end. It
    is stored whole in OPENED. Owner, schedule, endpoint and connection credentials are not in it:
    those are read live. All times in whole seconds."""

    secret: str
    identity: str
    store: PluginSpec
    issuer: PluginSpec
    probe: PluginSpec | None
    consumers: tuple[ConsumerSpec, ...]
    fields: Mapping[str, str] = field(hash=False)
    keep_foreign: bool
    composed: Mapping[str, str] = field(default_factory=dict, hash=False)
    accept_stale: tuple[str, ...] = ()
    exclusive: bool = False
    destroy_by_hand: bool = False
    settle_s: int = 30
    grace_s: int = 7200
    quiet_s: int = 86_400
    soak_s: int = 86_400
    regions: tuple[str, ...] = ()

    @property
    def waits(self) -> timedelta:
        """How long a rotation waits by itself, at most, before the old credential is gone."""
        refresh_s = max((consumer.refresh_s for consumer in self.consumers), default=0)
        baking_s = sum(consumer.bake_s for consumer in self.consumers)
        longest_s = max(self.grace_s, refresh_s) + self.settle_s + self.quiet_s + self.soak_s
        return timedelta(seconds=longest_s + baking_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Whether windowed rows may start now."""

    open: bool = True
    until: datetime | None = None  # the window's hard end
    opens_at: datetime | None = None  # when the next window begins
    frozen: str | None = None  # the reason of a freeze


OPEN_GATES = Gates()


def require(holds: object, complaint: str) -> None:
    """For options. Complaints name the key and the rule, never the content."""
    if not holds:
        raise ValueError(complaint)


def is_origin(url: str) -> bool:
    """`http(s)://HOST` or `http(s)://HOST:PORT` and nothing else, so that every library finds the
    same host in it. Libraries differ on a backslash and on what precedes an @."""
    origin = r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    return re.fullmatch(origin, url, re.ASCII) is not None


def is_loopback(host: str) -> bool:
    """Whether that name or address is this machine, as far as the text alone shows."""
    import ipaddress  # noqa: PLC0415 -- every start imports this page, and only connections ask

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
