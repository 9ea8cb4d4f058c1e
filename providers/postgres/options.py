"""What a configuration may say about PostgreSQL; checked without loading the driver."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar

from rotation import options
from rotation.types import Traits, is_loopback, require

# Hex digits of the attempt in the name of a login, so that no name is used twice.
SUFFIX_LENGTH = 32

# Bytes of a name; PostgreSQL cuts off the rest, which would make two names one.
NAME_MAX = 63

_SYSTEM = re.compile(r"\d{15,20}")
_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$.@-]*")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_SETTING = re.compile(r"[a-z_][a-z0-9_.]*")
_RESERVED = ("pg_", "rotation_")


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


def _check_role(key: str, name: str | None, longest: int = NAME_MAX) -> None:
    if name is not None:
        require(
            _ROLE.fullmatch(name) and len(name) <= longest,
            f"{key}: a role's name, at most {longest} of A-Z a-z 0-9 _ $ . @ -, no wildcard",
        )


def _check_target(key: str, name: str, longest: int = NAME_MAX) -> None:
    _check_role(key, name, longest)
    require(not name.startswith(_RESERVED), f"{key}: not a role of PostgreSQL's or of ours")


def _check_file(key: str, path: str | None) -> None:
    require(path is None or PurePosixPath(path).is_absolute(), f"{key}: an absolute path")


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions(options.ConnectionOptions):
    """One server, and our logins there. Nothing is taken from the environment. TLS with a verified
    name, except on this machine."""

    # What may differ between two logins to the same place.
    LOGIN: ClassVar[frozenset[str]] = frozenset(
        {"user", "password_file", "emergency_user", "emergency_password_file", "owner"}
    )

    host: str = field(metadata={"doc": "the primary's name or address"})
    port: int = _doc("its port", 5432)
    database: str = field(metadata={"doc": "the database that `rotation policy postgres` set up"})
    system_identifier: str = field(
        metadata={"doc": "what `select system_identifier from pg_control_system()` must say"}
    )
    user: str = field(
        metadata={"doc": "our login, a member of rotation_runner and of nothing else"}
    )
    password_file: str = field(metadata={"doc": "file with its password, and nothing else"})
    emergency_user: str | None = _doc(
        "login that may end sessions, a member of rotation_emergency; for containment alone"
    )
    emergency_password_file: str | None = _doc("file with that one's password")
    ca_file: str | None = _doc(
        "certificate authorities that the server's certificate must come from; needed for every "
        "server that is not on this machine"
    )
    owner: str | None = _doc("who answers for this login: a team, a ticket queue")
    settle_s: int = _doc("how far the replicas may be behind that consumers log in at", 0)

    def __post_init__(self) -> None:
        require(_HOST.fullmatch(self.host), "host: a name or an address of a host")
        require(0 < self.port < 65_536, "port: from 1 to 65535")
        require(_SYSTEM.fullmatch(self.system_identifier), "system_identifier: its digits, quoted")
        require(self.database, "database: a database's name")
        for key, value in vars(self).items():
            # The administrator runs the set-up, so no value may add a line to it.
            require(not isinstance(value, str) or value.isprintable(), f"{key}: one line")
        for key in ("user", "emergency_user"):
            _check_role(key, getattr(self, key))
        for key in ("password_file", "emergency_password_file", "ca_file"):
            _check_file(key, getattr(self, key))
        require(
            (self.emergency_user is None) == (self.emergency_password_file is None),
            "emergency_user: it and emergency_password_file, or neither",
        )
        require(
            self.ca_file is not None or is_loopback(self.host),
            "host: a server elsewhere needs ca_file; there is no connection without TLS",
        )
        require(self.settle_s >= 0, "settle_s: not negative")


Connections = Mapping[str, ConnectionOptions]


def _connection(connections: Connections, name: str) -> ConnectionOptions:
    require(name in connections, "connection: no PostgreSQL connection of that name")
    return connections[name]


def login_name(system: str, role: str) -> str:
    """The same for every connection to that server, whatever name they use for it."""
    return f"postgres/{system}/{role}"


_TRAITS = Traits(
    origin="chosen",
    can_suspend=True,
    # pg_stat_activity shows who is logged in now, not who was a second ago, so it is no evidence.
    reports_usage=False,
    failed_logins_safe=100,
    failed_logins_lock="nothing: PostgreSQL counts no failed logins; an extension may",
    survives="sessions at standbys; without emergency_user, every session that is open",
)
_IN_PLACE = replace(_TRAITS, can_suspend=False, overlap=False)


@dataclass(frozen=True, kw_only=True)
class LoginOptions(options.IssuerOptions):
    """Logins of one application: a new role for each rotation, under the group that owns
    everything; or two roles in turn; or, where the configuration accepts that, one role whose
    password is replaced."""

    CONNECTIONS: ClassVar = ("postgres",)
    PUBLIC: ClassVar = frozenset({"username"})
    TRAITS: ClassVar = _TRAITS

    connection: str = field(metadata={"doc": "name of a PostgreSQL connection"})
    group: str | None = _doc("the NOLOGIN role that owns everything; each login is a member of it")
    pair: tuple[str, ...] = _doc("two roles that take turns", ())
    user: str | None = _doc("the one role whose password is replaced; needs in_place")
    in_place: bool = _doc("accept that the old password fails before consumers have the new", False)
    settings: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "group: settings of each login, e.g. search_path"}
    )
    others: tuple[str, ...] = _doc(
        "group: members that are persons, or other programs: never compared or switched off", ()
    )
    connection_limit: int = _doc("group: how many sessions a login may have; -1: any number", -1)

    def __post_init__(self) -> None:
        require(
            sum((self.group is not None, bool(self.pair), self.user is not None)) == 1,
            "group: exactly one of group, pair and user",
        )
        if self.group is not None:
            _check_target("group", self.group, NAME_MAX - SUFFIX_LENGTH - 1)
        for name in self.pair:
            _check_target("pair", name)
        require(len(set(self.pair)) in (0, 2), "pair: two different roles")
        if self.user is not None:
            _check_target("user", self.user)
            require(self.in_place, "user: there is no overlap; say `in_place: true` to accept it")
        require(self.user is not None or not self.in_place, "in_place: only with user")
        require(self.connection_limit >= -1, "connection_limit: a number of sessions, or -1")
        require(all(map(_SETTING.fullmatch, self.settings)), "settings: names of settings")
        require(all(map(str.isprintable, self.settings.values())), "settings: values of one line")
        require(
            not {"role", "session_authorization"} & set(self.settings),
            "settings: PostgreSQL lets no function set a role's default for `role`",
        )
        require(
            self.group is not None or (not self.settings and self.connection_limit == -1),
            "settings: only with group; other roles keep what they have",
        )
        for name in self.others:
            _check_role("others", name)
        require(self.group is not None or not self.others, "others: only with group")
        # A class attribute would count as the default; each mode has its own traits.
        object.__setattr__(self, "TRAITS", self._traits())

    @property
    def mode(self) -> str:
        return "unique" if self.group is not None else "pair" if self.pair else "in-place"

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the administrator allows us to work on: the group, the pair or the one
        role."""
        return tuple(name for name in (self.group, *self.pair, self.user) if name is not None)

    @property
    def target(self) -> str:
        """The name of these roles in the allow-list."""
        return "+".join(self.roles)

    def fields(self) -> tuple[str, ...]:
        """Where the login changes its name, the secret must contain the name."""
        return ("password",) if self.user is not None else ("username", "password")

    def identity(self, connections: Connections) -> str:
        system = _connection(connections, self.connection).system_identifier
        return f"postgres/{system}/{self.target}"

    def by_hand(self, handle_id: str, connections: Connections) -> str:
        """The command by which an administrator shuts that login out and ends its sessions. Roles'
        names hold no quotes."""
        role, words = handle_id.partition("#")[0], ["psql"]
        if (connection := connections.get(self.connection)) is not None:
            words += ["-h", connection.host, "-p", str(connection.port), "-d", connection.database]
        sessions = f"pg_stat_activity where usename = '{role}'"
        end = f"select pg_terminate_backend(pid) from {sessions}"  # noqa: S608 -- an operator runs it
        return shlex.join([*words, "-c", f'alter role "{role}" nologin', "-c", end])

    def turns(self, connections: Connections) -> tuple[str, ...]:
        """Each role by itself, because it may be in another entry's pair, or alone."""
        system = _connection(connections, self.connection).system_identifier
        return tuple(login_name(system, role) for role in self.roles)

    def _traits(self) -> Traits:
        match self.mode:
            case "pair":
                return replace(_TRAITS, live_max=2)
            case "in-place":
                return _IN_PLACE
            case _:
                return _TRAITS


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(options.ProbeOptions):
    """A login that runs the consumer's own query."""

    CONNECTIONS: ClassVar = ("postgres",)

    connection: str = field(metadata={"doc": "name of a PostgreSQL connection"})
    query: str = field(metadata={"doc": "what the consumer needs to be allowed; runs read only"})
    database: str | None = _doc("the consumer's database, where it is not the connection's")
    user: str | None = _doc("the login's name, where the secret does not say it (in place)")

    def __post_init__(self) -> None:
        require(self.query.strip() and "\0" not in self.query, "query: one SQL statement")
        require(self.database is None or self.database, "database: a database's name")
        _check_role("user", self.user)
