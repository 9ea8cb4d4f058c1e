"""What a configuration may say about an HTTP API: who it is, and which calls issue credentials.

A declaration is data: shipped as a file of `declarations/`, or written under an issuer. It is kept
as plain JSON, for it is stored in the journal: a rotation finishes on the one that it began with.
"""

# ruff: noqa: RUF009 -- _doc is dataclasses.field
import dataclasses
import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args, get_type_hints
from urllib.parse import urlsplit

from rotation.types import PermissionSet, Traits, is_loopback, require

T = TypeVar("T")
Texts = Mapping[str, str]

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z]+|(?:/[\w~.-]+)+))?\}")
"""`{name}`, or `{name:form}`: how its value is written; `{item:/pointer}` is of the listed item."""
WINDOW_MIN_S = 60
"""An idempotency key is sent again within seconds; a shorter window could be over by then."""

_NAME = re.compile(r"(?!.*rot1-)[A-Za-z0-9][A-Za-z0-9 ._:@+()-]{0,62}")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_PATH = re.compile(r"/(?!/)[^\s#\\{}\x00-\x1f\x7f-\uffff]*")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_FILE = re.compile(r"/[^\0]+|\$[A-Z][A-Z0-9_]*")
_FORMS: Any = ("", "int", "json")
_VALUES: Any = {"item": (), "scopes": ("",), "expires": ("date", "time", "seconds")}
_OWN = {"create": {"label", "expires", "scopes"}, "list": set[str](), "delete": {"id"},
        "suspend": {"id", "item"}, "resume": {"id", "item"}}  # fmt: skip
_SHIPPED = Path(__file__).with_name("declarations")


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except (ValueError, re.error):
        return False
    return True


def _is_network(text: str) -> bool:
    return _parses(ipaddress.ip_network, text) and not text.endswith("/0")


def _all(pattern: re.Pattern[str], texts: Any, complaint: str) -> None:
    require(all(map(pattern.fullmatch, texts)), complaint)


def _doc(text: str, default: Any = dataclasses.MISSING) -> Any:
    return field(default=default, metadata={"doc": text})


def _mapping(text: str) -> Any:
    return field(default_factory=dict, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """One HTTP API at one origin. Calls go there and nowhere else."""

    LOGIN: ClassVar[frozenset[str]] = frozenset({"credentials", "roles", "owner"})
    """What may differ between two logins to the same place."""

    origin: str = _doc("https://host or https://host:port; its certificate must be of that host")
    credentials: Texts = _mapping("name -> file of what we log in with; $NAME: NAME names the file")
    roles: Mapping[str, Texts] = _mapping("permission set -> credentials for its calls instead")
    networks: tuple[str, ...] = _doc("private networks that the host may be in: 10.1.0.0/16", ())
    ca_file: str | None = _doc("file of the certificate authorities to trust instead", None)
    owner: str | None = _doc("who answers for this login: a team, a ticket queue", None)
    settle_s: int = _doc("how long the service may need until a change holds everywhere", 30)

    def __post_init__(self) -> None:
        url = urlsplit(self.origin)
        secure = url.scheme == "https" or (url.scheme == "http" and self.is_loopback)
        require(secure and url.hostname, "origin: https://host; http on this machine only")
        whole = url.username is None and f"{url.scheme}://{url.netloc.lower()}" == self.origin
        require(whole, "origin: lower case, without a login, without a path")
        for files in (self.credentials, *self.roles.values()):
            _all(_PARAMETER, files, "credentials: names of a-z 0-9 _")
            _all(_FILE, files.values(), "credentials: an absolute path each, or $NAME")
        sets = {str(name) for name in PermissionSet}
        require(self.roles.keys() <= sets, f"roles: the sets are {', '.join(sorted(sets))}")
        require(all(map(_is_network, self.networks)), "networks: 10.1.0.0/16, or an address")
        require(self.settle_s >= 0, "settle_s: not negative")

    @property
    def is_loopback(self) -> bool:
        return is_loopback(urlsplit(self.origin).hostname or "")


@dataclass(frozen=True, kw_only=True)
class Login:
    """How a request is authenticated: by headers, or by user and password."""

    headers: Texts = _mapping("header -> its value, with {placeholders}")
    basic: tuple[str, ...] = _doc("user and password, with {placeholders}", ())
    digest: tuple[str, ...] = _doc("user and password for HTTP digest (RFC 7616)", ())

    def __post_init__(self) -> None:
        ways = (self.headers, self.basic, self.digest)
        require(sum(map(bool, ways)) == 1, "headers: one of headers, basic, digest")
        _all(_HEADER, self.headers, "headers: names of headers")
        require({len(self.basic), len(self.digest)} <= {0, 2}, "basic: [user, password]")

    @property
    def placeholders(self) -> frozenset[str]:
        texts = (*self.headers.values(), *self.basic, *self.digest)
        return frozenset(name for text in texts for name, _ in PLACEHOLDER.findall(text))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of the API."""

    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"] = _doc("the HTTP method", "GET")
    path: str = _doc("path and query; a {placeholder} becomes one encoded segment")
    body: str | None = _doc("JSON; a string that is one {placeholder} becomes its value", None)

    def __post_init__(self) -> None:
        bare = PLACEHOLDER.sub("x", self.path)
        require(_PATH.fullmatch(bare), "path: begins with one /; no blank, no #, no other braces")
        require(not {".", ".."} & set(bare.partition("?")[0].split("/")), "path: without . and ..")
        plain = not any(form or name in _VALUES for name, form in PLACEHOLDER.findall(self.path))
        require(plain, "path: placeholders that are text, without a form")
        for name, form in PLACEHOLDER.findall(self.body or ""):
            fits = form[:1] == "/" if name == "item" else form in _VALUES.get(name, _FORMS)
            require(fits, f"body: {name} in a form that it does not have")
        require(_parses(json.loads, self.body or "{}"), "body: JSON, placeholders in its strings")

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(name for name, _ in PLACEHOLDER.findall(f"{self.path} {self.body}"))


@dataclass(frozen=True, kw_only=True)
class Create(Request):
    """The mint. Sent once; twice only under an idempotency key."""

    method: Literal["POST", "PUT"] = _doc("the HTTP method", "POST")
    item: str = _doc("pointer to the new item in the answer", "")
    idempotency_header: str | None = _doc("repeated, it returns the same secret again", None)
    idempotency_window_s: int = _doc("how long the service remembers it", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require("label" in self.placeholders, "body: sends {label}; an API without is class H3")
        require(_POINTER.fullmatch(self.item), "item: a JSON pointer")
        if self.idempotency_header is not None:
            require(_HEADER.fullmatch(self.idempotency_header), "idempotency_header: a header")
            long = self.idempotency_window_s >= WINDOW_MIN_S
            require(long, f"idempotency_window_s: at least {WINDOW_MIN_S}s")


@dataclass(frozen=True, kw_only=True)
class Pages(Request):
    """All items, page by page."""

    items: str = _doc("pointer to the list in the answer", "")
    paging: Literal["none", "link", "page", "cursor"] = _doc("how the next page is found", "none")
    parameter: str | None = _doc("query parameter of the page's number or of the cursor", None)
    first: int = _doc("page: the number of the first page", 1)
    next: str | None = _doc("cursor: pointer to the next one's URL or token", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        _all(_POINTER, (self.items, self.next or ""), "items: items and next are JSON pointers")
        require(self.paging != "page" or self.parameter, "parameter: needed for paging: page")
        require(self.paging != "cursor" or self.next, "next: needed for paging: cursor")


@dataclass(frozen=True, kw_only=True)
class Item:
    """Where in an item, of the create's answer and of the list, things stand: JSON pointers."""

    id: str = _doc("its public id")
    secret: str = _doc("the secret; in the create's answer only")
    label: str = _doc("the text that the create sent as {label}")
    id_pattern: str = _doc("regular expression of a whole id", "[A-Za-z0-9_-]{1,128}")
    login: str | None = _doc("the public name that the secret logs in with, if not the id", None)
    created: str | None = _doc("when it was made: RFC 3339, or seconds", None)
    expires: str | None = _doc("when it ends: RFC 3339, a day, or seconds", None)
    used: str | None = _doc("when it was last used", None)
    gone: str | None = _doc("true where it is listed, but revoked", None)
    state: str | None = _doc("its state", None)
    active: str = _doc("the state of one that is on", "active")
    suspended: str = _doc("the state of one that is off", "disabled")
    same: tuple[str, ...] = _doc("what must be as sent, and as before; * is each of a list", ())

    def __post_init__(self) -> None:
        for name in set(self.__dataclass_fields__) - {"id_pattern", "active", "suspended", "same"}:
            require(_POINTER.fullmatch(getattr(self, name) or ""), f"{name}: a JSON pointer")
        _all(_POINTER, self.same, "same: JSON pointers")
        require(self.id != self.secret, "id: not the secret; ids are shown and journaled")
        require(_parses(re.compile, self.id_pattern), "id_pattern: a regular expression")


@dataclass(frozen=True, kw_only=True)
class Attempt(Request):
    """The request that a credential is tried with."""

    login: Login = _doc("with the placeholders {secret}, {id}, {login}")
    accepted: tuple[int, ...] = _doc("statuses that mean: logged in", (200,))
    refused: tuple[int, ...] = _doc("statuses that mean: not logged in", (401,))
    id: str | None = _doc("pointer to the credential's id in an accepted answer", None)
    expects: Texts = _mapping("pointer -> text of an accepted answer; another one means: refused")

    def __post_init__(self) -> None:
        super().__post_init__()
        apart = self.accepted and self.refused and not set(self.accepted) & set(self.refused)
        require(apart, "refused: at least one, and none of `accepted`")
        _all(_POINTER, (*self.expects, self.id or ""), "expects: expects and id are JSON pointers")
        sent = "secret" in self.login.placeholders - self.placeholders
        require(sent, "login: it sends {secret}, and nothing else does")

    @property
    def asks(self) -> frozenset[str]:
        return self.placeholders | self.login.placeholders


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A service: which calls make, list, switch off and delete its credentials."""

    login: Login = _doc("how we log in; placeholders are the connection's credentials")
    item: Item = _doc("where things stand in an item")
    create: Create = _doc("makes one")
    list: Pages | None = _doc("lists them; without it an orphan could not be found", None)
    delete: Request | None = _doc("deletes {id}", None)
    suspend: Request | None = _doc("switches {id} off", None)
    resume: Request | None = _doc("switches {id} on again", None)
    probe: Attempt | None = _doc("tries a credential, for the probe of the same service", None)
    headers: Texts = _mapping("headers of every call, e.g. Accept")
    parameters: tuple[str, ...] = _doc("what a secret must say beside; placeholders", ())
    expires_max_s: int | None = _doc("the longest life that the service gives", None)
    live_max: int | None = _doc("how many may exist at once", None)
    report_lag_s: int = _doc("how late a last use may be reported", 0)
    failed_logins_safe: int = _doc("how many failed logins lock nothing", 1)
    failed_logins_lock: str = _doc("what too many of them lock", "nothing known")
    needs: Texts = _mapping("permission set -> what the service calls that permission")
    source: tuple[str, ...] = _doc("where the service documents all this", ())

    def __post_init__(self) -> None:
        require(self.list, "list: an API without one is class H3, and refused")
        require(self.delete, "delete: nothing could ever be revoked without it")
        require((self.suspend is None) == (self.resume is None), "resume: both or neither")
        _all(_PARAMETER, self.parameters, "parameters: names of a-z 0-9 _")
        taken = {name for own in _OWN.values() for name in own}
        require(not taken & set(self.parameters), f"parameters: none of {', '.join(sorted(taken))}")
        _all(_HEADER, self.headers, "headers: names of headers")
        for name, own in _OWN.items():
            asked = getattr(getattr(self, name), "placeholders", own)
            require(asked <= {*self.parameters, *own}, f"{name}: unknown placeholder")
            require("id" in asked or "id" not in own, f"{name}: no {{id}}")

    @property
    def traits(self) -> Traits:
        return Traits(
            origin="assigned",
            can_suspend=self.suspend is not None,
            reports_usage=self.item.used is not None,
            live_max=self.live_max,
            report_lag=timedelta(seconds=self.report_lag_s),
            failed_logins_safe=self.failed_logins_safe,
            failed_logins_lock=self.failed_logins_lock,
        )


def services() -> list[str]:
    """The names of the shipped declarations."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


@cache
def shipped(service: str) -> Declaration:
    return typed(Declaration, tomllib.loads((_SHIPPED / f"{service}.toml").read_text()))


def typed(cls: type[T], given: Mapping[str, Any]) -> T:
    """The dataclass that this plain JSON is."""
    hints, values = get_type_hints(cls), {}
    for name, value in given.items():
        require(name in hints, f"{name}: unknown")
        kinds = (hints[name], *get_args(hints[name]))
        inner: Any = next(filter(dataclasses.is_dataclass, kinds), None)
        values[name] = typed(inner, value) if inner else value
    return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})


def _plain(value: Any) -> Any:
    """The same as JSON, without what is left at its default."""
    if not dataclasses.is_dataclass(value):
        return list(value) if isinstance(value, tuple) else value
    members = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
    return {f.name: _plain(v) for f, v in members if v not in (f.default, {})}


def _chosen(options: Any, own: str) -> None:
    """Either a shipped service or one's own, which is kept as JSON."""
    service, mine = options.service, getattr(options, own)
    require((service is None) != (mine is None), f"{own}: either this or a `service`")
    require(service in (None, *services()), f"service: one of {', '.join(services())}")
    object.__setattr__(options, own, _plain(mine))


@dataclass(frozen=True, kw_only=True)
class HttpApiOptions:
    """Credentials that an HTTP API issues: a shipped service, or a declaration of your own."""

    PUBLIC: ClassVar = frozenset({"id", "login"})

    connection: str = _doc("name of an HTTP connection")
    name: str = _doc("what the credentials are called at the service; their labels begin with it")
    service: str | None = _doc("a shipped declaration", None)
    declaration: Declaration | None = _doc("one of your own instead", None)
    parameters: Texts = _mapping("what the declaration asks for, e.g. a project")
    scopes: tuple[str, ...] = _doc("what the credential may do, where the service asks", ())
    expires_in_s: int | None = _doc("the life that it is given, where the service asks", None)
    id_in_secret: bool = _doc("false: without the id; the probe's `id` tells it", default=True)
    accept_changes: bool = _doc("a new one may differ from its predecessor", default=False)

    def __post_init__(self) -> None:
        require(_NAME.fullmatch(self.name), "name: at most 63 of A-Z a-z 0-9 and blank ._:@+()-")
        _chosen(self, "declaration")
        wanted, sent = set(self.declared.parameters), self.declared.create.placeholders
        require(wanted == self.parameters.keys(), f"parameters: {', '.join(sorted(wanted))}")
        require(not {"", ".", ".."} & {*self.parameters.values()}, "parameters: not empty, no dots")
        require(bool(self.scopes) == ("scopes" in sent), "scopes: where the service asks, only")
        asked, life = "expires" in sent, self.expires_in_s or 0
        require((life > 0) == asked, "expires_in_s: where the service asks, only")
        tells = self.id_in_secret or getattr(self.declared.probe, "id", None)
        require(tells, "id_in_secret: only where the declaration's `probe` has an `id`")
        longest = self.declared.expires_max_s or life
        require(life <= longest, f"expires_in_s: at most {longest} s")
        by_day = "{expires:date}" in f"{self.declared.create.path} {self.declared.create.body}"
        require(life >= 86_400 or not by_day, "expires_in_s: a day at least; it ends by day")

    @cached_property
    def declared(self) -> Declaration:
        own: Any = self.declaration
        return typed(Declaration, own) if self.service is None else shipped(self.service)

    @property
    def life_s(self) -> int | None:
        return self.expires_in_s

    @property
    def TRAITS(self) -> Traits:  # noqa: N802 -- class-level data of the other issuers
        return self.declared.traits

    def fields(self) -> tuple[str, ...]:
        absent = {"id": not self.id_in_secret, "login": self.declared.item.login is None}
        return tuple(name for name in ("id", "login", "secret") if not absent.get(name))

    def identity(self, connections: Mapping[str, Any]) -> str:
        require(self.connection in connections, "connection: no HTTP connection of that name")
        given, asked = connections[self.connection].credentials, self.declared.login.placeholders
        names = ", ".join(sorted(asked))
        require(asked <= given.keys(), f"connection: needs `credentials:` {names}")
        return f"http/{self.connection}/{self.name}"

    def by_hand(self, handle_id: str, connections: Mapping[str, Any]) -> str:
        """The declared request by which a person ends that credential."""
        request: Any = self.declared.suspend or self.declared.delete
        values, at = {**self.parameters, "id": handle_id}, connections.get(self.connection)
        text = f"{request.path} with the body {request.body}" if request.body else request.path
        filled = PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
        return f"send {request.method} {getattr(at, 'origin', '')}{filled}"

    def turns(self, connections: Mapping[str, Any]) -> tuple[str, ...]:
        """One login at one origin is one, whatever the connection is called."""
        there = connections[self.connection]
        login = "+".join(sorted(map(str, there.credentials.values())))
        return (f"http/{there.origin}/{login}/{self.name}",)


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """A request that must succeed with the credential and fail without it."""

    connection: str = _doc("name of an HTTP connection; it may be another one than the issuer's")
    service: str | None = _doc("a shipped declaration, which has a request for this", None)
    request: Attempt | None = _doc("one of your own instead", None)
    parameters: Texts = _mapping("what the request asks for")

    def __post_init__(self) -> None:
        _chosen(self, "request")
        asked = sorted(self.declared.asks - {"id", "login", "secret"})
        require(set(asked) <= self.parameters.keys(), f"parameters: {', '.join(asked)}")

    @cached_property
    def declared(self) -> Attempt:
        own: Any = self.request
        found = typed(Attempt, own) if self.service is None else shipped(self.service).probe
        require(found, "service: it has no request for a probe; declare one")
        return cast("Attempt", found)
