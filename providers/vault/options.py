"""What a configuration may say about Vault; checked without loading a client."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from rotation import options
from rotation.types import PermissionSet, Traits, is_any_mark, is_loopback, is_origin, require

_CLUSTER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEGMENT = r"[\w.@-]+(?: [\w.@-]+)*"
_PATH = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_NAME = re.compile(r"[\w.@-]{1,128}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]+:\d{1,5}|\[[0-9a-f:]+\]:\d{1,5}")

# The mount in which values wait for their promotion; consumers cannot read it.
STAGING = "rotation-pending"

Method = Literal["approle", "jwt", "kubernetes", "token"]
_POD = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def is_path(text: str) -> bool:
    """A path of names: no wildcard of a policy, nothing relative, no slash at either end."""
    return _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def is_name(text: str) -> bool:
    """One segment of a path, with the characters of Vault's own names."""
    return _NAME.fullmatch(text) is not None and text not in {".", ".."}


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions(options.ConnectionOptions):
    """One cluster, and the way to log in to it. Nothing is taken from the environment."""

    # What may differ between two logins to the same place.
    LOGIN: ClassVar[frozenset[str]] = frozenset(
        {"auth", "auth_mount", "role", "login_file", "wrapped", "roles", "owner", "was"}
    )

    address: str = field(metadata={"doc": "https://HOST:PORT; http on this machine only"})
    cluster: str = field(
        metadata={"doc": "the cluster id that it must turn out to be (`vault status`)"}
    )
    namespace: str | None = field(
        default=None, metadata={"doc": "namespace of all that this connection touches (Enterprise)"}
    )
    ca_bundle: str | None = field(
        default=None, metadata={"doc": "file of the certificate authorities to trust instead"}
    )
    hosts: tuple[str, ...] = field(
        default=(), metadata={"doc": "HOST:PORT that a standby may send us on to; nobody else"}
    )
    auth: Method = field(default="approle", metadata={"doc": "how we log in"})
    auth_mount: str | None = field(
        default=None, metadata={"doc": "where that method is mounted; by default, its own name"}
    )
    role: str | None = field(
        default=None, metadata={"doc": "approle: the role id; jwt, kubernetes: the role's name"}
    )
    login_file: str | None = field(
        default=None,
        metadata={"doc": "file of the secret id, JWT or token; kubernetes: the pod's own"},
    )
    wrapped: bool = field(
        default=False, metadata={"doc": "the file holds a wrapping token of the secret id"}
    )
    owner: str | None = field(
        default=None, metadata={"doc": "who answers for this login: a team, a ticket queue"}
    )
    was: str | None = field(
        default=None,
        metadata={
            "doc": "its first name, which a stack's things keep; with a rename, and for good"
        },
    )
    roles: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": "permission set -> token role that its calls are made under"},
    )

    def __post_init__(self) -> None:
        require(self.was is None or is_name(self.was), "was: the name of a connection")
        url = urlsplit(self.address)
        require(
            is_origin(self.address.removesuffix("/")),
            "address: https://HOST:PORT, and nothing behind it",
        )
        require(
            url.scheme == "https" or is_loopback(url.hostname or ""),
            "address: https; http is for a Vault on this machine",
        )
        require(_CLUSTER.fullmatch(self.cluster), "cluster: a cluster id, as `vault status` has it")
        require(self.namespace is None or is_path(self.namespace), "namespace: a path, no wildcard")
        require(all(map(_HOST.fullmatch, self.hosts)), "hosts: HOST:PORT, no wildcard")
        self._check_login()
        for name, role in self.roles.items():
            require(name in set(PermissionSet), "roles: an unknown permission set")
            require(is_name(role), f"roles.{name}: a token role's name, no wildcard")

    def _check_login(self) -> None:
        require(
            self.auth_mount is None or is_path(self.auth_mount), "auth_mount: a path, no wildcard"
        )
        named = self.auth != "token"
        require((self.role is not None) == named, f"role: {'needed' if named else 'not'} here")
        require(self.role is None or is_name(self.role), "role: a name, no wildcard")
        require(
            self.login_file is not None or self.auth == "kubernetes",
            f"login_file: needed by {self.auth}",
        )
        require(not self.wrapped or self.auth == "approle", "wrapped: only for a secret id")

    @property
    def file(self) -> str:
        return self.login_file or _POD

    @property
    def mount(self) -> str:
        return self.auth_mount or self.auth


Connections = Mapping[str, ConnectionOptions]


def connection_of(connections: Connections, name: str) -> ConnectionOptions:
    require(name in connections, "connection: no Vault connection of that name")
    return connections[name]


def _typed(connections: Connections, name: str, verb: str, *words: str) -> str:
    """A command of Vault's own command line, with its flags after the verb."""
    flags: list[str] = []
    if (connection := connections.get(name)) is not None:
        flags.append(f"-address={connection.address}")
        flags += [f"-namespace={connection.namespace}"] if connection.namespace else []
    return shlex.join(["vault", *verb.split(), *flags, *words])


@dataclass(frozen=True, kw_only=True)
class KvOptions(options.StoreOptions):
    """One secret in a mount of KV version 2."""

    CONNECTIONS: ClassVar = ("vault",)

    connection: str = field(metadata={"doc": "name of a Vault connection"})
    mount: str = field(metadata={"doc": "where KV version 2 is mounted, e.g. secret"})
    path: str = field(metadata={"doc": "the secret's path in that mount, without `data/`"})
    staging: str = field(
        default=STAGING,
        metadata={"doc": "mount of KV version 2 that holds a value until it is promoted"},
    )

    def __post_init__(self) -> None:
        require(is_path(self.mount), "mount: a mount's path, no wildcard")
        require(is_path(self.path), "path: a secret's path, no wildcard")
        require(is_path(self.staging), "staging: a mount's path, no wildcard")
        require(self.staging != self.mount, "staging: a mount of its own, which no consumer reads")

    def home(self, connections: Connections) -> str:
        """Which store this is."""
        connection = connection_of(connections, self.connection)
        return f"vault-kv2/{connection.cluster}/{connection.namespace or '-'}"

    @property
    def location(self) -> str:
        """Where in that store."""
        return f"{self.mount}/{self.path}"

    @property
    def staged(self) -> str | None:
        """What a stack makes lets no consumer read the usual mount."""
        return None if self.staging == STAGING else f"{self.staging}/"


# Our own logins use a dozen in a rotation; with a smaller number a consumer would miss them.
USES_MIN = 1000


@dataclass(frozen=True, kw_only=True)
class AppRoleOptions(options.IssuerOptions):
    """Secret ids of one AppRole."""

    CONNECTIONS: ClassVar = ("vault",)
    FIELDS: ClassVar = ("role_id", "secret_id")
    PUBLIC: ClassVar = frozenset({"role_id"})
    TRAITS: ClassVar = Traits(
        origin="assigned",
        can_suspend=False,
        reports_usage=False,
        failed_logins_safe=1,
        failed_logins_lock=(
            "every consumer of the role: five in a row lock it for 15 minutes, unless the mount's "
            "`user_lockout_config` says otherwise"
        ),
        survives="what its tokens have read; the tokens themselves are refused",
        ends=(
            "every token of the role, whichever secret id it came from: all its consumers log in "
            "again; if they are batch tokens, not before the last one is over"
        ),
    )

    connection: str = field(metadata={"doc": "name of a Vault connection"})
    role: str = field(metadata={"doc": "name of the AppRole"})
    mount: str = field(default="approle", metadata={"doc": "where AppRole is mounted"})
    origin: Literal["assigned", "chosen"] = field(
        default="assigned",
        metadata={"doc": "assigned: Vault makes the secret id; chosen: we do, and stage it first"},
    )
    ttl_s: int | None = field(
        default=None, metadata={"doc": "how long a secret id lives; by default as the role has it"}
    )
    uses: int | None = field(
        default=None,
        metadata={
            "doc": "how many logins a secret id is good for; Vault then also tells its latest "
            "login, which is the evidence that nobody uses the old one"
        },
    )
    unverified: Literal["cidr-bound"] | None = field(
        default=None,
        metadata={"doc": "`cidr-bound`: nobody can log in from this host, so there is no probe"},
    )

    def __post_init__(self) -> None:
        require(is_name(self.role), "role: an AppRole's name, no wildcard")
        require(is_path(self.mount), "mount: a mount's path, no wildcard")
        require(self.ttl_s is None or self.ttl_s > 0, "ttl_s: more than nothing")
        require(
            self.uses is None or self.uses >= USES_MIN,
            f"uses: at least {USES_MIN}, for our own logins use some of them",
        )
        traits = replace(self.TRAITS, origin=self.origin, reports_usage=self.uses is not None)
        object.__setattr__(self, "TRAITS", traits)

    @property
    def life_s(self) -> int | None:
        """None: the role sets it."""
        return self.ttl_s

    def identity(self, connections: Connections) -> str:
        connection = connection_of(connections, self.connection)
        namespace = connection.namespace or "-"
        return f"vault-approle/{connection.cluster}/{namespace}/{self.mount}/{self.role.lower()}"

    def by_hand(self, handle_id: str, connections: Connections) -> str:
        """The command by which an operator destroys that secret id, and the one that ends its live
        tokens. A chosen secret id is known to us by its mark, and to Vault by an accessor that only
        Vault can tell."""
        path = f"auth/{self.mount}/role/{self.role}/secret-id"
        destroy = partial(
            _typed, connections, self.connection, "write", f"{path}-accessor/destroy"
        )  # fmt: skip
        tokens = _typed(
            connections, self.connection, "lease revoke", "-prefix", f"auth/{self.mount}/login"
        )
        ends = f"its tokens live on; those of every role of this mount end by: {tokens}"
        if not is_any_mark(handle_id):
            return f"{destroy(f'secret_id_accessor={handle_id}')}  # then: {ends}"
        listed = _typed(connections, self.connection, "list", path)
        found = f"{destroy('secret_id_accessor=')}ACCESSOR"
        return f"{listed}  # then, for the accessor whose metadata say {handle_id}: {found}; {ends}"


@dataclass(frozen=True, kw_only=True)
class LoginOptions(options.ProbeOptions):
    """A login at an AppRole mount, whose token is revoked at once."""

    CONNECTIONS: ClassVar = ("vault",)

    connection: str = field(metadata={"doc": "name of a Vault connection"})
    mount: str = field(default="approle", metadata={"doc": "where AppRole is mounted"})

    def __post_init__(self) -> None:
        require(is_path(self.mount), "mount: a mount's path, no wildcard")


@dataclass(frozen=True, kw_only=True)
class DatabaseStaticOptions(options.IssuerOptions):
    """The one user of a static role of Vault's database engine, whose password Vault replaces."""

    CONNECTIONS: ClassVar = ("vault",)
    FIELDS: ClassVar = ("username", "password")
    PUBLIC: ClassVar = frozenset({"username"})
    TRAITS: ClassVar = Traits(
        origin="assigned", can_suspend=False, reports_usage=False, overlap=False,
        survives="sessions that are open in the database: end them there",
    )  # fmt: skip

    connection: str = field(metadata={"doc": "name of a Vault connection"})
    role: str = field(metadata={"doc": "name of the static role"})
    mount: str = field(default="database", metadata={"doc": "where the engine is mounted"})
    in_place: bool = field(
        default=False,
        metadata={"doc": "accept that the old password fails before consumers have the new"},
    )

    def __post_init__(self) -> None:
        require(is_name(self.role), "role: a static role's name, no wildcard")
        require(is_path(self.mount), "mount: a mount's path, no wildcard")
        require(self.in_place, "in_place: there is no overlap; say `in_place: true` to accept it")

    def identity(self, connections: Connections) -> str:
        connection = connection_of(connections, self.connection)
        namespace = connection.namespace or "-"
        return f"vault-database-static/{connection.cluster}/{namespace}/{self.mount}/{self.role}"

    def turns(self, connections: Connections) -> tuple[str, ...]:
        """Only its own identity: Vault, not the configuration, says whose login it is."""
        return (self.identity(connections),)

    def login(self, connection: ConnectionOptions, role: Mapping[str, Any]) -> str:
        """The user of that role at that database. A mount's path may begin with its namespace."""
        place = "/".join(part for part in (connection.namespace, self.mount) if part)
        database, user = role.get("db_name"), role.get("username")
        return f"vault-database/{connection.cluster}/{place}/{database}/{user}"

    def by_hand(self, handle_id: str, connections: Connections) -> str:
        """The command by which an operator replaces the only password, which ends the old one."""
        path = f"{self.mount}/rotate-role/{self.role}"
        return _typed(connections, self.connection, "write", "-force", path)
