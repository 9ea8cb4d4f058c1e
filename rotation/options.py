"""What the core reads of a plugin's options: one Protocol for each kind of plugin.

Options are a frozen dataclass that derives from the Protocol of its kind. The Protocol's defaults
mean none: no connection, no file, no command, no grant. Any other option belongs to the plugin
alone, whatever its name.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

from rotation.types import PermissionSet, Traits

Connections = Mapping[str, Any]
"""The options of all connections, by name."""


class PluginOptions(Protocol):
    """What every plugin of a secret has, whatever its kind."""

    # The types of connection that it can use, and the one that it does use, by name.
    CONNECTIONS: ClassVar[tuple[str, ...]] = ()
    connection: str | None = None

    def files(self) -> Mapping[str, str]:
        """Option -> the file of this host that it writes; refused outside of `file_roots`."""
        return {}

    def commands(self) -> Mapping[str, Sequence[str]]:
        """Option -> the command that it starts, and its arguments; refused without `commands`."""
        return {}

    def grants(self) -> Mapping[PermissionSet, Sequence[Any]]:
        """What its connection has to allow, in the words of the connection's family. That family's
        own plugins leave it out: the family knows their grants."""
        return {}


class IssuerOptions(PluginOptions, Protocol):
    # The fields of what it makes, and those of them that are no secret.
    FIELDS: ClassVar[tuple[str, ...]] = ()
    PUBLIC: ClassVar[frozenset[str]] = frozenset()
    # The advised maximum age of its credentials, and whose advice it is.
    ADVISED: ClassVar[tuple[timedelta, str] | None] = None

    # Accepts that the new credential ends the old one before consumers have it.
    in_place: bool = False
    # False: a verifier has to be declared, or this has to be true. None: no verifier is needed.
    unverified: bool | str | None = None

    @property
    @abstractmethod
    def TRAITS(self) -> Traits:  # noqa: N802 -- mostly class-level data
        """What it can do: plans are compiled from it."""

    @abstractmethod
    def identity(self, connections: Connections) -> str | None:
        """The name of what is rotated. None: no service knows it, so its secret identifies it."""

    @property
    def life_s(self) -> int | None:
        """The lifetime after which its credentials end by themselves."""
        return None

    def fields(self) -> tuple[str, ...]:
        return self.FIELDS

    def turns(self, connections: Connections) -> tuple[str, ...]:
        """A name for each login that its rotations replace, where the identity alone does not say
        it."""
        return ()

    def by_hand(self, handle_id: str, connections: Connections) -> str | None:
        """The command by which an operator ends that instance without this tool."""
        return None

    def audit_command(self, handle_id: str, connections: Connections) -> str | None:
        """The command that shows what that instance was used for."""
        return None


class StoreOptions(PluginOptions, Protocol):
    # How many versions of a secret it takes in a day, and how many of them a rotation makes at most.
    VERSIONS_A_DAY: ClassVar[int | None] = None
    VERSIONS_A_ROTATION: ClassVar[int] = 1

    # Regions whose replica must hold the new version as well.
    replicas: tuple[str, ...] = ()

    @abstractmethod
    def home(self, connections: Connections) -> str:
        """Which store this is; the same name on every connection that leads to it."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the secret is in that store."""

    @property
    def staged(self) -> str | None:
        """Where in that store, other than usual, a value is until it is promoted."""
        return None


class ProbeOptions(PluginOptions, Protocol): ...


class ConsumerOptions(PluginOptions, Protocol):
    # verifier: the service that accepts and drops values.
    role: Literal["reader", "verifier"] = "reader"
    # The longest time until it uses a new version, where it does not confirm.
    refresh_s: int = 0

    @property
    @abstractmethod
    def PUSHED(self) -> bool:  # noqa: N802 -- mostly class-level data
        """It is handed each version; otherwise it reads the store by itself."""

    @property
    @abstractmethod
    def CONFIRMS(self) -> bool:  # noqa: N802 -- mostly class-level data
        """A delivery that succeeded is evidence that it runs on that version."""


class ConnectionOptions(Protocol):
    # The options that may differ between two logins to the same place.
    LOGIN: ClassVar[frozenset[str]] = frozenset()

    # Who answers for this login.
    owner: str | None = None
    # How long the service may need until a change holds everywhere.
    settle_s: int = 0
    # Permission set -> the role that makes its calls.
    roles: Mapping[str, Any] = MappingProxyType({})
    # How a stack names what it makes: the connection's first name, and the prefix of each name.
    was: str | None = None
    name_prefix: str = "rotation"


def values(options: Any) -> Iterator[tuple[str, Any]]:
    """Each of a plugin's own options, and its value."""
    return ((field.name, getattr(options, field.name)) for field in fields(options))


KINDS: Mapping[str, type] = {
    "issuers": IssuerOptions,
    "stores": StoreOptions,
    "probes": ProbeOptions,
    "consumers": ConsumerOptions,
    "connections": ConnectionOptions,
}
