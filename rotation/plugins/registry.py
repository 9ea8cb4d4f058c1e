"""Plugins by name, and the adapters of one secret, ready to be called.

A plugin is loaded only when it is named. A name that two distributions declare is an error, even if
one of them is ours: no package can take over a name that is trusted already.
"""

import dataclasses
import difflib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rotation.errors import UsageError
from rotation.options import ConnectionOptions, IssuerOptions, values
from rotation.plugins.broken import reporting_broken, without_options
from rotation.plugins.guarded import build
from rotation.plugins.trust import Trust, check
from rotation.types import PluginSpec, Specification, Traits, stream_of

if TYPE_CHECKING:
    from rotation.interfaces import (
        Adapters,
        Clock,
        Connection,
        Issuer,
        PluginContext,
        Store,
        Verifier,
    )

Options_co = TypeVar("Options_co", covariant=True)
GROUP = "rotation."
# The number of adapters that are kept: a store caches which label a version has.
BOUND_MAX = 4096


class Plugins:
    """The plugins of this environment, by their entry points."""

    def __init__(self, points: Iterable[EntryPoint]) -> None:
        self._points: dict[tuple[str, str], list[EntryPoint]] = {}
        self._declared: dict[str, list[Distribution | None]] = {}
        for point in points:
            key = (point.group.removeprefix(GROUP), point.name)
            self._points.setdefault(key, []).append(point)
            by = self._declared.setdefault(point.name, [])
            if point.dist not in by:
                by.append(point.dist)
        self._loading = threading.Lock()
        self.trust: Trust | None = None  # None: everything

    def names(self, kind: str) -> list[str]:
        return sorted(name for group, name in self._points if group == kind)

    def load(self, kind: str, name: str) -> Any:
        """What the entry point names. Raises UsageError unless exactly one loads."""
        return self._loaded(self._point(kind, name))

    def _loaded(self, point: EntryPoint) -> Any:
        # `requests` fills sys.modules in a way that breaks a concurrent import of urllib3.
        with reporting_broken(point), self._loading:
            return point.load()

    def build(self, kind: str, name: str, *given: Any, **named: Any) -> Any:
        """The adapter, ready to be called."""
        with reporting_broken(self._point(kind, name)):
            return build(self.load(kind, name), kind, name, given, named)

    def options(self, kind: str, name: str) -> type[Any]:
        """The dataclass of a plugin's options; the plugin itself is not loaded. Where plugins of
        two kinds have the same name, `rotation.options.<kind>` has the options of only one of
        them."""
        loaded: type[Any] = self._loaded(self.point_of_options(kind, name))
        return loaded

    def point_of_options(self, kind: str, name: str) -> EntryPoint:
        self._point(kind, name)
        for group in (f"options.{kind}", "options"):
            if (group, name) in self._points:
                return self._point(group, name)
        raise without_options(kind, name)

    def read_back(self, kind: str, spec: PluginSpec) -> Any:
        """Reads back the options that `Plugin.specification` wrote. Raises TypeError or ValueError
        where the plugin no longer understands them."""
        given = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in spec.options.items()
        }
        return self.options(kind, spec.type)(**given)

    def _point(self, kind: str, name: str) -> EntryPoint:
        points = self._points.get((kind, name), [])
        # Across all groups: adding options or a doctor to a name could otherwise take it over.
        if len(points) > 1 or (points and len(self._declared[name]) > 1):
            raise UsageError(
                "plugin.twice",
                f"`{name}` is declared more than once: by {', '.join(self._owners(name))}",
                "uninstall all but one",
            )
        if not points:
            raise self._unknown(kind, name)
        check(points[0], self.trust)
        return points[0]

    def check(self, kind: str, name: str) -> None:
        """Raises UsageError unless exactly one package has it, and that one is trusted."""
        self._point(kind, name)

    def points(self) -> Iterator[EntryPoint]:
        return itertools.chain.from_iterable(self._points.values())

    def _owners(self, name: str) -> list[str]:
        """Read only to be shown, because reading a distribution's name is slow."""
        return sorted({by.name if by else "?" for by in self._declared[name]})

    def _unknown(self, kind: str, name: str) -> UsageError:
        """The name itself is not repeated: it may be anything from the file."""
        known = self.names(kind)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there is {', '.join(known) or 'none'}"
        return UsageError(
            "plugin.unknown",
            f"no plugin of that name among the {kind}",
            f"{hint}; others come with packages of their own",
        )


@cache
def installed() -> Plugins:
    found = entry_points()
    plugins = Plugins(
        point
        for group in found.groups
        if group.startswith(GROUP)
        for point in found.select(group=group)
    )
    plugins.trust = Trust()
    return plugins


@dataclass(frozen=True, slots=True)
class Plugin(Generic[Options_co]):
    """A plugin as a configuration names it: its type and its own options."""

    type: str
    options: Options_co

    def specification(self) -> PluginSpec:
        """As plain JSON, without options at their default: a new option of a later version then
        changes nothing for an open rotation."""
        kind: Any = type(self.options)
        usual = _defaults(kind)
        return PluginSpec(
            type=self.type,
            options={
                name: list(value) if isinstance(value, tuple) else value
                for name, value in values(self.options)
                if value != usual[name]
            },
        )


@cache
def _defaults(options: Any) -> Mapping[str, Any]:
    """Cached, because it is needed for each plugin of each secret."""
    return {
        field.name: field.default
        if field.default_factory is dataclasses.MISSING
        else field.default_factory()
        for field in dataclasses.fields(options)
    }


def parts_of(spec: Specification) -> Iterator[tuple[str, PluginSpec]]:
    """Each plugin that a rotation of it uses, with its kind."""
    yield "issuers", spec.issuer
    yield "stores", spec.store
    if spec.probe is not None:
        yield "probes", spec.probe
    yield from (("consumers", each.plugin) for each in spec.consumers if not each.gone)


class Configured(Protocol):
    """The part of a configuration that adapters are built from."""

    @property
    def installation(self) -> str: ...

    @property
    def connections(self) -> Mapping[str, Plugin[ConnectionOptions]]: ...

    @property
    def file_roots(self) -> tuple[Path, ...]: ...

    @property
    def commands(self) -> Path | None: ...


@dataclass(frozen=True)
class LoggedInAs:
    """A configuration in which some connections use the login of another one."""

    configuration: Configured
    logins: Mapping[str, str]

    @property
    def connections(self) -> Mapping[str, Plugin[ConnectionOptions]]:
        declared = self.configuration.connections
        return {name: declared[self.logins.get(name, name)] for name in declared}

    @property
    def installation(self) -> str:
        return self.configuration.installation

    @property
    def file_roots(self) -> tuple[Path, ...]:
        return self.configuration.file_roots

    @property
    def commands(self) -> Path | None:
        return self.configuration.commands


Declared = Mapping[str, Plugin[ConnectionOptions]]


class Registry:
    """Builds adapters from specifications. A connection is opened when it is first used and shared
    by all threads."""

    def __init__(
        self, configuration: Configured, clock: "Clock", plugins: Plugins | None = None
    ) -> None:
        self._configuration = configuration
        self._clock = clock
        self._plugins = plugins or installed()
        self._connections = _Connections(configuration.connections, self._open)
        self._bound: OrderedDict[Specification, Adapters] = OrderedDict()
        self._lock = threading.Lock()

    def bind(self, spec: Specification) -> "Adapters":
        """The adapters of that specification; the same objects for the same specification."""
        with self._lock:
            if spec in self._bound:
                self._bound.move_to_end(spec)
                return self._bound[spec]
        bound = self._build(spec)
        with self._lock:
            self._bound[spec] = bound
            if len(self._bound) > BOUND_MAX:
                self._bound.popitem(last=False)
        return bound

    def issuer(self, spec: Specification) -> "Issuer":
        """The issuer alone: it can switch off even where another part cannot be built."""
        try:
            context = self._context(spec)
        except UsageError:
            context = self._without_verifiers(spec)
        built: Issuer = self._plugin("issuers", spec.issuer, context)
        return built

    def store(self, spec: Specification) -> "Store":
        """The store alone: it can tell what readers get even where another part cannot be built."""
        built: Store = self._plugin("stores", spec.store, self._without_verifiers(spec))
        return built

    def connection(self, name: str) -> "Connection":
        """The open connection of that name. UsageError where the configuration has none."""
        found: Connection = self._connections[name]
        return found

    def traits(self, spec: Specification) -> Traits:
        """The issuer's traits, which may depend on its options; its SDK is not loaded."""
        issuer: IssuerOptions = self._options("issuers", spec.issuer)
        return issuer.TRAITS

    def close(self) -> None:
        """Closes the connections."""
        self._connections.close()

    def _build(self, spec: Specification) -> "Adapters":
        from rotation.interfaces import Adapters  # noqa: PLC0415 -- a reader binds nothing

        context = self._context(spec)
        return Adapters(
            issuer=self._plugin("issuers", spec.issuer, context),
            store=self._plugin("stores", spec.store, context),
            probe=None if spec.probe is None else self._plugin("probes", spec.probe, context),
            consumers={
                consumer.id: self._plugin("consumers", consumer.plugin, context)
                for consumer in spec.consumers
                if consumer.role == "reader"
            },
        )

    def _context(self, spec: Specification) -> "PluginContext":
        context = self._without_verifiers(spec)
        return dataclasses.replace(context, verifiers=tuple(self._verifiers(spec, context)))

    def _without_verifiers(self, spec: Specification) -> "PluginContext":
        from rotation.interfaces import PluginContext  # noqa: PLC0415

        issuer: type[IssuerOptions] = self._plugins.options("issuers", spec.issuer.type)
        return PluginContext(
            installation=self._configuration.installation,
            clock=self._clock,
            connections=self._connections,
            file_roots=self._configuration.file_roots,
            command_directory=self._configuration.commands,
            fields=spec.fields,
            composed=spec.composed,
            public=issuer.PUBLIC,
            keep_foreign=spec.keep_foreign,
            stream=stream_of(spec.issuer.type, spec.identity),
            waits=spec.waits,
        )

    def _verifiers(self, spec: Specification, context: "PluginContext") -> Iterator["Verifier"]:
        for consumer in spec.consumers:
            if consumer.role == "verifier":
                options = self._options("consumers", consumer.plugin)
                yield self._plugins.build("verifiers", consumer.plugin.type, options, context)

    def _plugin(self, kind: str, spec: PluginSpec, context: "PluginContext") -> Any:
        options = self._options(kind, spec)
        return self._plugins.build(kind, spec.type, options, context)

    def _options(self, kind: str, spec: PluginSpec) -> Any:
        try:
            return self._plugins.read_back(kind, spec)
        except (TypeError, ValueError):
            raise UsageError(
                "plugin.options",
                f"the options of `{spec.type}` that a rotation began with are no longer understood",
                "finish the open rotation with the version that began it",
            ) from None

    def _open(self, connection: Plugin[ConnectionOptions]) -> Any:
        return self._plugins.build(
            "connections",
            connection.type,
            connection.options,
            installation=self._configuration.installation,
            clock=self._clock,
        )


class _Connections(Mapping[str, Any]):
    """The open connections by name."""

    def __init__(
        self, declared: Declared, connect: Callable[[Plugin[ConnectionOptions]], Any]
    ) -> None:
        self._declared = declared
        self._connect = connect
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        if name not in self._declared:
            raise UsageError(
                "plugin.no-connection",
                f"the configuration no longer has the connection {name}",
                "bring it back until the open rotation is finished",
            )
        with self._lock:
            if name not in self._opened:
                self._opened[name] = self._connect(self._declared[name])
            return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)

    def close(self) -> None:
        with self._lock:
            for connection in self._opened.values():
                if hasattr(connection, "close"):
                    connection.close()
            self._opened.clear()
