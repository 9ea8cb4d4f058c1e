"""What a configuration may say about an HTTP API: the login, and which service it is."""

# ruff: noqa: RUF009 -- doc is dataclasses.field
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from providers.http.declaration import (
    PARAMETER,
    PLACEHOLDER,
    Attempt,
    Declaration,
    Texts,
    doc,
    every,
    mapping,
    parses,
    plain,
    services,
    shipped,
    typed,
)
from rotation import options
from rotation.types import PermissionSet, Traits, is_loopback, is_origin, require

_NAME = re.compile(r"(?!.*rot1-)[A-Za-z0-9][A-Za-z0-9 ._:@+()-]{0,62}")
_FILE = re.compile(r"/[^\0]+|\$[A-Z][A-Z0-9_]*")


def _is_network(text: str) -> bool:
    return parses(ipaddress.ip_network, text) and not text.endswith("/0")


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions(options.ConnectionOptions):
    """One HTTP API at one origin. Calls go there and nowhere else."""

    # What may differ between two logins to the same place.
    LOGIN: ClassVar[frozenset[str]] = frozenset({"credentials", "roles", "owner"})

    origin: str = doc("https://host or https://host:port; its certificate must be of that host")
    credentials: Texts = mapping("name -> file of what we log in with; $NAME: NAME names the file")
    roles: Mapping[str, Texts] = mapping("permission set -> credentials for its calls instead")
    networks: tuple[str, ...] = doc("private networks that the host may be in: 10.1.0.0/16", ())
    ca_file: str | None = doc("file of the certificate authorities to trust instead", None)
    owner: str | None = doc("who answers for this login: a team, a ticket queue", None)
    settle_s: int = doc("how long the service may need until a change holds everywhere", 30)

    def __post_init__(self) -> None:
        url = urlsplit(self.origin)
        secure = url.scheme == "https" or (url.scheme == "http" and self.is_loopback)
        require(secure and url.hostname, "origin: https://host; http on this machine only")
        whole = is_origin(self.origin) and self.origin == self.origin.lower()
        require(whole, "origin: lower case, without a login, without a path")
        for files in (self.credentials, *self.roles.values()):
            every(PARAMETER, files, "credentials: names of a-z 0-9 _")
            every(_FILE, files.values(), "credentials: an absolute path each, or $NAME")
        sets = {str(name) for name in PermissionSet}
        require(self.roles.keys() <= sets, f"roles: the sets are {', '.join(sorted(sets))}")
        require(all(map(_is_network, self.networks)), "networks: 10.1.0.0/16, or an address")
        require(self.settle_s >= 0, "settle_s: not negative")

    @property
    def is_loopback(self) -> bool:
        return is_loopback(urlsplit(self.origin).hostname or "")


def _chosen(given: Any, own: str) -> None:
    """Requires either a shipped service or an own declaration, which is kept as JSON."""
    service, mine = given.service, getattr(given, own)
    require((service is None) != (mine is None), f"{own}: either this or a `service`")
    require(service in (None, *services()), f"service: one of {', '.join(services())}")
    object.__setattr__(given, own, plain(mine))


@dataclass(frozen=True, kw_only=True)
class HttpApiOptions(options.IssuerOptions):
    """Credentials that an HTTP API issues: a shipped service, or a declaration of your own."""

    CONNECTIONS: ClassVar = ("http",)
    PUBLIC: ClassVar = frozenset({"id", "login"})

    connection: str = doc("name of an HTTP connection")
    name: str = doc("what the credentials are called at the service; their labels begin with it")
    service: str | None = doc("a shipped declaration", None)
    declaration: Declaration | None = doc("one of your own instead", None)
    parameters: Texts = mapping("what the declaration asks for, e.g. a project")
    scopes: tuple[str, ...] = doc("what the credential may do, where the service asks", ())
    expires_in_s: int | None = doc("the life that it is given, where the service asks", None)
    id_in_secret: bool = doc("false: without the id; the probe's `id` tells it", default=True)
    accept_changes: bool = doc("a new one may differ from its predecessor", default=False)

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
        """The declared request by which an operator ends that credential."""
        request: Any = self.declared.suspend or self.declared.delete
        values, at = {**self.parameters, "id": handle_id}, connections.get(self.connection)
        text = f"{request.path} with the body {request.body}" if request.body else request.path
        filled = PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
        return f"send {request.method} {getattr(at, 'origin', '')}{filled}"

    def turns(self, connections: Mapping[str, Any]) -> tuple[str, ...]:
        """One login at one origin, whatever its connection is called."""
        there = connections[self.connection]
        login = "+".join(sorted(map(str, there.credentials.values())))
        return (f"http/{there.origin}/{login}/{self.name}",)


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(options.ProbeOptions):
    """A request that must succeed with the credential and fail without it."""

    CONNECTIONS: ClassVar = ("http",)

    connection: str = doc("name of an HTTP connection; it may be another one than the issuer's")
    service: str | None = doc("a shipped declaration, which has a request for this", None)
    request: Attempt | None = doc("one of your own instead", None)
    parameters: Texts = mapping("what the request asks for")

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
