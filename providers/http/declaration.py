"""The declaration of a service: which calls make, list, switch off and delete its credentials.

It is data: shipped as a file of `declarations/`, or written under an issuer. It is plain JSON,
because the journal stores it: a rotation finishes on the declaration that it began with.
"""

# ruff: noqa: RUF009 -- doc is dataclasses.field
import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from rotation.types import Traits, require

T = TypeVar("T")
Texts = Mapping[str, str]

# `{name}`, or `{name:form}`: how its value is written; `{item:/pointer}` is from the listed item.
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z]+|(?:/[\w~.-]+)+))?\}")
# An idempotency key is sent again within seconds; a shorter window could end before that.
WINDOW_MIN_S = 60

PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_PATH = re.compile(r"/(?!/)[^\s#\\{}\x00-\x1f\x7f-\uffff]*")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_FORMS: Any = ("", "int", "json")
_VALUES: Any = {"item": (), "scopes": ("",), "expires": ("date", "time", "seconds")}
_OWN = {"create": {"label", "expires", "scopes"}, "list": set[str](), "delete": {"id"},
        "suspend": {"id", "item"}, "resume": {"id", "item"}}  # fmt: skip
_SHIPPED = Path(__file__).with_name("declarations")


def parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except (ValueError, re.error):
        return False
    return True


def every(pattern: re.Pattern[str], texts: Any, complaint: str) -> None:
    require(all(map(pattern.fullmatch, texts)), complaint)


def doc(text: str, default: Any = dataclasses.MISSING) -> Any:
    return field(default=default, metadata={"doc": text})


def mapping(text: str) -> Any:
    return field(default_factory=dict, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class Login:
    """How a request is authenticated: by headers, or by user and password."""

    headers: Texts = mapping("header -> its value, with {placeholders}")
    basic: tuple[str, ...] = doc("user and password, with {placeholders}", ())
    digest: tuple[str, ...] = doc("user and password for HTTP digest (RFC 7616)", ())

    def __post_init__(self) -> None:
        ways = (self.headers, self.basic, self.digest)
        require(sum(map(bool, ways)) == 1, "headers: one of headers, basic, digest")
        every(_HEADER, self.headers, "headers: names of headers")
        require({len(self.basic), len(self.digest)} <= {0, 2}, "basic: [user, password]")

    @property
    def placeholders(self) -> frozenset[str]:
        texts = (*self.headers.values(), *self.basic, *self.digest)
        return frozenset(name for text in texts for name, _ in PLACEHOLDER.findall(text))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of the API."""

    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"] = doc("the HTTP method", "GET")
    path: str = doc("path and query; a {placeholder} becomes one encoded segment")
    body: str | None = doc("JSON; a string that is one {placeholder} becomes its value", None)

    def __post_init__(self) -> None:
        bare = PLACEHOLDER.sub("x", self.path)
        require(_PATH.fullmatch(bare), "path: begins with one /; no blank, no #, no other braces")
        require(not {".", ".."} & set(bare.partition("?")[0].split("/")), "path: without . and ..")
        plain = not any(form or name in _VALUES for name, form in PLACEHOLDER.findall(self.path))
        require(plain, "path: placeholders that are text, without a form")
        for name, form in PLACEHOLDER.findall(self.body or ""):
            fits = form[:1] == "/" if name == "item" else form in _VALUES.get(name, _FORMS)
            require(fits, f"body: {name} in a form that it does not have")
        require(parses(json.loads, self.body or "{}"), "body: JSON, placeholders in its strings")

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(name for name, _ in PLACEHOLDER.findall(f"{self.path} {self.body}"))


@dataclass(frozen=True, kw_only=True)
class Create(Request):
    """The mint. It is sent once, or twice with an idempotency key."""

    method: Literal["POST", "PUT"] = doc("the HTTP method", "POST")
    item: str = doc("pointer to the new item in the answer", "")
    idempotency_header: str | None = doc("repeated, it returns the same secret again", None)
    idempotency_window_s: int = doc("how long the service remembers it", 0)

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

    items: str = doc("pointer to the list in the answer", "")
    paging: Literal["none", "link", "page", "cursor"] = doc("how the next page is found", "none")
    parameter: str | None = doc("query parameter of the page's number or of the cursor", None)
    first: int = doc("page: the number of the first page", 1)
    next: str | None = doc("cursor: pointer to the next one's URL or token", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        every(_POINTER, (self.items, self.next or ""), "items: items and next are JSON pointers")
        require(self.paging != "page" or self.parameter, "parameter: needed for paging: page")
        require(self.paging != "cursor" or self.next, "next: needed for paging: cursor")


@dataclass(frozen=True, kw_only=True)
class Item:
    """Where to find things in an item, of the create's answer and of the list: JSON pointers."""

    id: str = doc("its public id")
    secret: str = doc("the secret; in the create's answer only")
    label: str = doc("the text that the create sent as {label}")
    id_pattern: str = doc("regular expression of a whole id", "[A-Za-z0-9_-]{1,128}")
    login: str | None = doc("the public name that the secret logs in with, if not the id", None)
    created: str | None = doc("when it was made: RFC 3339, or seconds", None)
    expires: str | None = doc("when it ends: RFC 3339, a day, or seconds", None)
    used: str | None = doc("when it was last used", None)
    gone: str | None = doc("true where it is listed, but revoked", None)
    state: str | None = doc("its state", None)
    active: str = doc("the state of one that is on", "active")
    suspended: str = doc("the state of one that is off", "disabled")
    same: tuple[str, ...] = doc("what must be as sent, and as before; * is each of a list", ())

    def __post_init__(self) -> None:
        for name in set(self.__dataclass_fields__) - {"id_pattern", "active", "suspended", "same"}:
            require(_POINTER.fullmatch(getattr(self, name) or ""), f"{name}: a JSON pointer")
        every(_POINTER, self.same, "same: JSON pointers")
        require(self.id != self.secret, "id: not the secret; ids are shown and journaled")
        require(parses(re.compile, self.id_pattern), "id_pattern: a regular expression")


@dataclass(frozen=True, kw_only=True)
class Attempt(Request):
    """The request that tries a credential."""

    login: Login = doc("with the placeholders {secret}, {id}, {login}")
    accepted: tuple[int, ...] = doc("statuses that mean: logged in", (200,))
    refused: tuple[int, ...] = doc("statuses that mean: not logged in", (401,))
    id: str | None = doc("pointer to the credential's id in an accepted answer", None)
    expects: Texts = mapping("pointer -> text of an accepted answer; another one means: refused")

    def __post_init__(self) -> None:
        super().__post_init__()
        apart = self.accepted and self.refused and not set(self.accepted) & set(self.refused)
        require(apart, "refused: at least one, and none of `accepted`")
        every(_POINTER, (*self.expects, self.id or ""), "expects: expects and id are JSON pointers")
        sent = "secret" in self.login.placeholders - self.placeholders
        require(sent, "login: it sends {secret}, and nothing else does")

    @property
    def asks(self) -> frozenset[str]:
        return self.placeholders | self.login.placeholders


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A service: which calls make, list, switch off and delete its credentials."""

    login: Login = doc("how we log in; placeholders are the connection's credentials")
    item: Item = doc("where things stand in an item")
    create: Create = doc("makes one")
    list: Pages | None = doc("lists them; without it an orphan could not be found", None)
    delete: Request | None = doc("deletes {id}", None)
    suspend: Request | None = doc("switches {id} off", None)
    resume: Request | None = doc("switches {id} on again", None)
    probe: Attempt | None = doc("tries a credential, for the probe of the same service", None)
    headers: Texts = mapping("headers of every call, e.g. Accept")
    parameters: tuple[str, ...] = doc("what a secret must say beside; placeholders", ())
    expires_max_s: int | None = doc("the longest life that the service gives", None)
    live_max: int | None = doc("how many may exist at once", None)
    report_lag_s: int = doc("how late a last use may be reported", 0)
    failed_logins_safe: int = doc("how many failed logins lock nothing", 1)
    failed_logins_lock: str = doc("what too many of them lock", "nothing known")
    needs: Texts = mapping("permission set -> what the service calls that permission")
    source: tuple[str, ...] = doc("where the service documents all this", ())

    def __post_init__(self) -> None:
        require(self.list, "list: an API without one is class H3, and refused")
        require(self.delete, "delete: nothing could ever be revoked without it")
        require((self.suspend is None) == (self.resume is None), "resume: both or neither")
        every(PARAMETER, self.parameters, "parameters: names of a-z 0-9 _")
        taken = {name for own in _OWN.values() for name in own}
        require(not taken & set(self.parameters), f"parameters: none of {', '.join(sorted(taken))}")
        every(_HEADER, self.headers, "headers: names of headers")
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
    """The dataclass for this plain JSON."""
    hints, values = get_type_hints(cls), {}
    for name, value in given.items():
        require(name in hints, f"{name}: unknown")
        kinds = (hints[name], *get_args(hints[name]))
        inner: Any = next(filter(dataclasses.is_dataclass, kinds), None)
        values[name] = typed(inner, value) if inner else value
    return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})


def plain(value: Any) -> Any:
    """The same as JSON, without values at their default."""
    if not dataclasses.is_dataclass(value):
        return list(value) if isinstance(value, tuple) else value
    members = ((f, getattr(value, f.name)) for f in dataclasses.fields(value))
    return {f.name: plain(v) for f, v in members if v not in (f.default, {})}
