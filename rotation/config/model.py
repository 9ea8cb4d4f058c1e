"""What `rotation.yaml` may contain. Each class is one mapping of the file; its fields are the
keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from rotation.calendar import Freeze, Schedule
from rotation.config.approving import Approvals, Demands
from rotation.config.findings import invalid
from rotation.config.plugins import Listed, a, read_consumers
from rotation.config.reading import As, expected, reader, remembering, shape
from rotation.config.routes import Alerts
from rotation.config.scope import Include
from rotation.config.watching import Health, Heartbeat
from rotation.options import ConnectionOptions, IssuerOptions, ProbeOptions, StoreOptions
from rotation.plugins.registry import Plugin
from rotation.plugins.trust import Trusted
from rotation.types import ConsumerSpec

INSTALLATION = re.compile(r"[0-9a-f]{12}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
NAME_RULE = "at most 63 of A-Z a-z 0-9 . _ -; no path, no `..`, no wildcard"
_NAMES = ("id", "application", "environment")
DAY = 86_400


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


def _require(holds: object, complaint: str) -> None:
    """Complaints name the key and the rule, never the content."""
    if not holds:
        raise ValueError(complaint)


def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None and ".." not in text


def check_names(id_: str, application: str, environment: str, owner: str) -> None:
    """The names that every secret has. Raises ValueError where one is wrong."""
    if not (_is_name(id_) and _is_name(application) and _is_name(environment)):
        names = zip(_NAMES, (id_, application, environment), strict=True)
        wrong = next(key for key, name in names if not _is_name(name))
        raise ValueError(f"{wrong}: {NAME_RULE}")
    _require(owner.strip() and owner.isprintable(), "owner: who answers for it")


def _read_one(raw: Any) -> str:
    """The owner of the credential: one name."""
    if type(raw) is list:
        raise invalid(
            "config.shared-credential",
            "a credential that several share cannot be revoked for one of them",
            "give each its own secret",
        )
    if type(raw) is not str:
        raise expected("text", raw)
    return raw


def _read_list(raw: Any) -> list[Any]:
    if type(raw) is not list:
        raise expected("a list", raw)
    return raw


One = Annotated[str, As(_read_one, like=str)]
FieldNames = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerLife:
    """Why a credential may live longer than its environment allows, for a while."""

    owner: str = field(metadata={"doc": "who answers for it"})
    reason: str = field(metadata={"doc": "why"})
    until: str = field(metadata={"doc": "the first day on which the limit holds again"})

    def __post_init__(self) -> None:
        for key, text in (("owner", self.owner), ("reason", self.reason)):
            _require(text.strip() and text.isprintable(), f"{key}: a text")
        _check_day("until", self.until)


@dataclass(slots=True, kw_only=True)  # not frozen: a fleet's inventory makes many of them
class Secret:
    """One credential: where it lives, who issues it, who uses it."""

    id: str = field(metadata={"doc": "its only name; `was:` changes it"})
    was: str | None = _doc("its name until now; what was begun under that name goes on")
    application: One = field(metadata={"doc": "the one application that it belongs to"})
    environment: One = field(metadata={"doc": "the one environment that it belongs to"})
    owner: str = field(metadata={"doc": "the team that answers for it"})
    class_: str = _doc("policy class, one of `classes:`", "production")
    exception: LongerLife | None = field(
        default=None, metadata={"doc": "why its class may be longer than its environment allows"}
    )
    store: Annotated[Plugin[StoreOptions], a("stores")] = field(
        metadata={"doc": "where consumers read it"}
    )
    issuer: Annotated[Plugin[IssuerOptions], a("issuers")] = field(metadata={"doc": "who makes it"})
    fields: Annotated[FieldNames | None, As(remembering(reader(FieldNames)), like=FieldNames)] = (
        field(
            default=None,
            metadata={
                "doc": "issuer's field -> key in the secret's JSON; the issuer's names by default"
            },
        )
    )
    composed: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "other key in the secret's JSON -> its template, e.g. `https://{user}:{key}@host`"
        },
    )
    accept_stale: tuple[str, ...] = _doc(
        "keys that hold old bytes and may go on holding them after a rotation", ()
    )
    value: Literal["whole"] | None = _doc("the secret is this one value and no JSON")
    foreign_fields: Literal["keep", "none"] = _doc(
        "keep: other keys of the JSON keep their bytes", "keep"
    )
    probe: Annotated[Plugin[ProbeOptions] | None, a("probes", repeats=True)] = field(
        default=None, metadata={"doc": "how a login is tried"}
    )
    consumers: Annotated[tuple[ConsumerSpec, ...], As(remembering(read_consumers), like=Listed)] = (
        _doc("who uses it, and how each of them gets a new one", ())
    )
    exclusive: bool = _doc("nobody but this installation makes credentials of the identity", False)
    destroy: Literal["unattended", "by-hand"] | None = _doc(
        "by-hand: a person lets the old one go; the default where the issuer cannot suspend"
    )
    state: Literal["active", "paused", "retired"] = _doc(
        "paused needs until, reason and by", "active"
    )
    until: str | None = _doc("paused: the first day on which it is rotated again")
    reason: str | None = _doc("paused: why")
    by: str | None = _doc("paused: who answers for the pause")
    schedule: Annotated[Schedule | None, As(remembering(shape(Schedule).read), like=Schedule)] = (
        field(default=None, metadata={"doc": "when, where it differs from its class"})
    )

    def __post_init__(self) -> None:
        check_names(self.id, self.application, self.environment, self.owner)
        if self.was is not None:
            _require(_is_name(self.was), f"was: {NAME_RULE}")
            _require(self.was != self.id, "was: another name than `id`")
        _require(self.value is None or self.fields is None, "value: either `fields` or `value`")
        if self.state == "paused":
            _require(self.until is not None, "state: paused needs `until`, a day")
            _require(self.reason and self.reason.isprintable(), "state: paused needs `reason`")
            _check_day("until", str(self.until))
            named = self.by is None or (self.by.strip() and self.by.isprintable())
            _require(named, "by: who answers for the pause")
        else:
            _require(self.until is None, "until: only while paused")
            _require(self.reason is None, "reason: only while paused")
            _require(self.by is None, "by: only while paused")


@dataclass(frozen=True, kw_only=True)
class PolicyClass:
    """How old a credential may become and how carefully it is replaced."""

    max_age_s: int | None = _doc(
        "no credential lives longer; production 90d, development 180d, trial 7d"
    )
    margin_s: int = _doc("kept free for windows, freezes and failures", 7 * DAY)
    grace_s: int | None = _doc("old and new live side by side; 2 x the longest refresh by default")
    quiet_s: int = _doc("how long the old one must be unused before it is suspended", DAY)
    soak_s: int = _doc("how long it stays suspended before it is destroyed", DAY)
    replace: Literal["by-person", "by-itself"] = _doc(
        "by-itself: what its issuer says is gone or has ended is replaced without a person",
        "by-person",
    )
    schedule: Schedule = field(
        default=Schedule(), metadata={"doc": "when; as late as its age allows by default"}
    )
    unattended: Literal["accepted"] | None = _doc(
        "accepted: `config check` allows production secrets whose trouble nobody hears of"
    )
    approvals: Demands | None = field(
        default=None,
        metadata={"doc": "how many people have to agree before a step; nobody by default"},
    )


@dataclass(frozen=True, kw_only=True)
class Limits:
    concurrency: int = _doc("rotations at work at once on one connection", 4)
    look_every_s: int = _doc("how often `serve` compares each secret with the journal", 3600)

    def __post_init__(self) -> None:
        _require(0 < self.concurrency <= 256, "concurrency: from 1 to 256")
        _require(60 <= self.look_every_s <= 7 * DAY, "look_every: from 1m to 7d")


@dataclass(frozen=True, kw_only=True)
class Reviews:
    every_s: int = _doc("how often each owner looks at what they own", 90 * DAY)
    within_s: int = _doc("how long they have for it", 14 * DAY)

    def __post_init__(self) -> None:
        _require(
            DAY <= self.within_s <= self.every_s, "within: from 1d, and no longer than `every`"
        )


@dataclass(frozen=True, kw_only=True)
class Document:
    """One installation."""

    installation: str = field(metadata={"doc": "12 hex digits, written once by `rotation init`"})
    journal: str = _doc("the journal's file; relative to this file", "journal.db")
    seal_key: str | None = _doc("file with the key that seals the journal; not beside it")
    bindings: str | None = _doc("file with what `pulumi up` made; it may be absent")
    commands: str | None = _doc("the one directory that commands are started from")
    file_roots: tuple[str, ...] = _doc("the only directories that files are written to", ())
    connections: Mapping[str, Annotated[Plugin[ConnectionOptions], a("connections")]] = field(
        default_factory=dict, metadata={"doc": "accounts, clusters and servers, by name"}
    )
    classes: Mapping[str, PolicyClass] = field(
        default_factory=dict,
        metadata={"doc": "policy classes beside production, development and trial"},
    )
    freezes: tuple[Freeze, ...] = _doc("nothing is promoted, suspended or destroyed", ())
    limits: Limits = field(default=Limits(), metadata={"doc": "how much at once"})
    alerts: Alerts = field(
        default=Alerts(), metadata={"doc": "who gets a message when something needs somebody"}
    )
    reviews: Reviews | None = field(
        default=None,
        metadata={"doc": "how often owners review what they own; never by default"},
    )
    approvals: Approvals | None = field(
        default=None, metadata={"doc": "who may agree where a class asks for approval"}
    )
    health: Health | None = field(
        default=None, metadata={"doc": "where `rotation serve` says how it is; nowhere by default"}
    )
    heartbeat: Heartbeat | None = field(
        default=None, metadata={"doc": "what `rotation serve` calls while all is well"}
    )
    secrets: Annotated[list[Any], As(_read_list, like=tuple[Secret, ...])] = field(
        default_factory=list, metadata={"doc": "the credentials"}
    )
    plugins: tuple[Trusted, ...] = _doc("packages of others whose plugins may be loaded", ())
    include: tuple[Include, ...] = _doc("files of teams, each with what it may name", ())
    inventory: tuple[str, ...] = _doc("files with further secrets, one JSON object a line", ())

    def __post_init__(self) -> None:
        _require(INSTALLATION.fullmatch(self.installation), "installation: 12 hex digits, quoted")
        for key, names in (("connections", self.connections), ("classes", self.classes)):
            _require(all(map(_is_name, names)), f"{key}: names of {NAME_RULE}")
        for root in self.file_roots:
            path = PurePosixPath(root)
            _require(
                path.is_absolute() and str(path) == root and ".." not in path.parts and path.name,
                "file_roots: absolute, without `.`, `..` or a slash at the end; not all of /",
            )
        _require(
            self.commands or not self.alerts.has_commands, "alerts: a command needs `commands:`"
        )
        _require(self.journal and "\0" not in self.journal, "journal: a file's path")
        _require(self.seal_key is None or self.seal_key, "seal_key: a file's path")


def _check_day(key: str, text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{key}: a day, 2026-12-20") from None
