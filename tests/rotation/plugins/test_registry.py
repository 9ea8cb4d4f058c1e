"""Plugins by name, and adapters from specifications."""

import sys
import threading
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rotation.config import load
from rotation.errors import UsageError
from rotation.interfaces import PluginContext
from rotation.plugins.commands import by_hand
from rotation.plugins.guarded import contract
from rotation.plugins.registry import Plugin, Plugins, Registry, installed
from rotation.types import ConsumerSpec, PluginSpec, Specification, Traits
from tests.support.simulator import SimulatedClock, World

HERE = "plugins_of_the_registry_s_tests"


@dataclass(frozen=True, kw_only=True)
class Options:
    PUBLIC: ClassVar = frozenset({"name"})

    connection: str = "c"
    several: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.connection == "refused":
            raise ValueError("connection: refused")


@dataclass
class Adapter:
    """It keeps the contract of every kind, as far as that can be seen."""

    options: Any
    context: PluginContext
    traits: ClassVar = Traits(origin="assigned", can_suspend=True, reports_usage=False)


for kind in ("issuers", "stores", "probes", "consumers", "verifiers"):
    for name in contract(kind):
        setattr(Adapter, name, lambda self: None)


@dataclass
class Connection:
    options: Any
    installation: str
    clock: object
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Declared:
    """As much of a configuration as adapters are built from."""

    installation: str = "0f3a9c2b71de"
    connections: dict[str, Plugin] = field(
        default_factory=lambda: {"c": Plugin("conn", Options(connection="own"))}
    )
    file_roots: tuple[Path, ...] = (Path("/run/app"),)
    commands: Path | None = Path("/etc/commands")


def points(*more: EntryPoint, connection: str = "Connection") -> Plugins:
    declared = [
        ("issuers", "i", "Adapter"), ("stores", "s", "Adapter"), ("probes", "p", "Adapter"),
        ("consumers", "c", "Adapter"), ("verifiers", "c", "Adapter"),
        ("connections", "conn", connection),
        *(("options", name, "Options") for name in ("i", "s", "p", "c", "conn")),
    ]  # fmt: skip
    return Plugins([
        *(EntryPoint(name, f"{HERE}:{to}", f"rotation.{kind}") for kind, name, to in declared),
        *more,
    ])  # fmt: skip


class Slow(EntryPoint):
    """Counts how many are being loaded at the same time."""

    inside = most = 0

    def load(self) -> Any:
        Slow.inside += 1
        Slow.most = max(Slow.most, Slow.inside)
        threading.Event().wait(0.05)
        Slow.inside -= 1
        return Adapter


def test_one_plugin_is_imported_at_a_time() -> None:
    names = ("one", "two", "three")
    slow = points(*(Slow(name, f"{HERE}:Adapter", "rotation.issuers") for name in names))
    threads = [threading.Thread(target=slow.load, args=("issuers", name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Slow.most == 1


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def consumer(name: str, role: str) -> ConsumerSpec:
    return ConsumerSpec(
        id=name, plugin=PluginSpec(type="c", options={}), pushed=True, confirms=False,
        refresh_s=0, role=role,
    )  # fmt: skip


SPEC = Specification(
    secret="app", identity="x", keep_foreign=False, fields={"name": "NAME"},
    store=PluginSpec(type="s", options={}),
    issuer=PluginSpec(type="i", options={"several": ["a", "b"]}),
    probe=PluginSpec(type="p", options={}),
    consumers=(consumer("reader", "reader"), consumer("service", "verifier")),
)  # fmt: skip


def registry(configuration: Declared | None = None, plugins: Plugins | None = None) -> Registry:
    return Registry(configuration or Declared(), SimulatedClock(World()), plugins or points())


# --------------------------------------------------------------------------------------- plugins


def test_nothing_is_imported_before_it_is_named() -> None:
    plugins = points(EntryPoint("broken", "no.such.module:x", "rotation.stores"))
    assert plugins.names("stores") == ["broken", "s"]
    assert plugins.load("stores", "s") is Adapter


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("providers.nowhere.store", "install rotation[nowhere]"),
        ("elsewhere.store", "install what the plugin's own documentation names"),
    ],
)
def test_a_missing_library_is_told_with_what_to_install(module: str, hint: str) -> None:
    plugins = points(EntryPoint("broken", f"{module}:X", "rotation.stores"))
    with pytest.raises(UsageError) as caught:
        plugins.load("stores", "broken")
    assert (caught.value.code, caught.value.hint) == ("plugin.library-missing", hint)


def test_a_name_that_two_declare_is_an_error_whoever_they_are() -> None:
    plugins = points(EntryPoint("s", "evil:Store", "rotation.stores"))
    with pytest.raises(UsageError) as caught:
        plugins.load("stores", "s")
    assert caught.value.code == "plugin.twice"
    with pytest.raises(UsageError):
        plugins.options("stores", "s")


def test_so_is_a_second_set_of_options() -> None:
    plugins = points(EntryPoint("s", "evil:Options", "rotation.options"))
    with pytest.raises(UsageError) as caught:
        plugins.options("stores", "s")
    assert caught.value.code == "plugin.twice"


class _Elsewhere(Distribution):
    """Another package of this environment."""

    def read_text(self, filename: str) -> str | None:
        return "Name: foreign\nVersion: 1\n" if filename == "METADATA" else None

    def locate_file(self, path: object) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    "group", ["options.stores", "options.issuers", "doctors", "renderers", "preflights", "watches"]
)
def test_a_shipped_name_is_taken_over_by_no_group(group: str) -> None:
    found = entry_points()
    shipped = [
        p for of in found.groups if of.startswith("rotation.") for p in found.select(group=of)
    ]
    foreign = EntryPoint("aws-secrets-manager", "evil:Options", f"rotation.{group}")
    vars(foreign).update(dist=_Elsewhere())
    plugins = Plugins([*shipped, foreign])
    for ask in (
        lambda: plugins.options("stores", "aws-secrets-manager"),
        lambda: plugins.load(group, "aws-secrets-manager"),
    ):
        with pytest.raises(UsageError) as caught:
            ask()
        assert caught.value.code == "plugin.twice"
        assert "foreign" in caught.value.message


def test_a_plugin_without_options_is_told_which_entry_point_is_missing() -> None:
    point = EntryPoint("badges", "tests.docs.badge_issuer:BadgeIssuer", "rotation.issuers")
    with pytest.raises(UsageError) as caught:
        Plugins([point]).options("issuers", "badges")
    assert caught.value.code == "plugin.no-options"
    assert "`rotation.options`" in caught.value.message


def test_an_unknown_name_is_not_repeated_but_its_neighbour_is() -> None:
    with pytest.raises(UsageError) as caught:
        installed().load("stores", "aws-secret-manager")
    assert caught.value.code == "plugin.unknown"
    assert "aws-secret-manager" not in caught.value.message
    assert "did you mean `aws-secrets-manager`?" in caught.value.hint


def test_a_kind_may_have_options_of_its_own() -> None:
    names = {
        kind: installed().options(kind, "command").__name__ for kind in ("probes", "consumers")
    }
    assert names == {"probes": "ProbeOptions", "consumers": "CommandOptions"}


def test_options_cost_no_adapter() -> None:
    assert (
        installed().options("issuers", "aws-iam-access-key").__module__ == "providers.aws.options"
    )


# -------------------------------------------------------------------------------------- adapters


def test_adapters_know_their_surroundings() -> None:
    bound = registry().bind(SPEC)
    issuer: Any = bound.issuer
    context = issuer.context
    assert issuer.options == Options(several=("a", "b"))
    assert (context.installation, context.fields) == ("0f3a9c2b71de", {"name": "NAME"})
    assert context.public == {"name"}
    assert (context.file_roots, context.command_directory) == (
        (Path("/run/app"),), Path("/etc/commands"),
    )  # fmt: skip
    assert context.keep_foreign is False


def test_a_verifying_consumer_is_a_verifier_and_no_consumer() -> None:
    bound = registry().bind(SPEC)
    assert list(bound.consumers) == ["reader"]
    issuer: Any = bound.issuer
    assert len(issuer.context.verifiers) == 1


def test_without_a_probe_there_is_none() -> None:
    assert registry().bind(replace(SPEC, probe=None)).probe is None


def test_the_same_specification_has_the_same_adapters() -> None:
    """A store remembers which label a version has."""
    one = registry()
    assert one.bind(SPEC) is one.bind(replace(SPEC))
    assert one.bind(SPEC) is not one.bind(replace(SPEC, secret="other"))


def test_a_connection_is_opened_once_by_whoever_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Connection] = []
    entered = threading.Barrier(8)

    class Slow(Connection):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            opened.append(self)

    sys.modules[HERE].Slow = Slow
    plugins = points(connection="Slow")
    issuer: Any = registry(plugins=plugins).bind(SPEC).issuer
    assert not opened
    found: list[Connection] = []

    def use() -> None:
        entered.wait()
        found.append(issuer.context.connections["c"])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert all(connection is opened[0] for connection in found)
    assert len(found) == 8


def test_closing_gives_open_connections_back() -> None:
    one = registry()
    issuer: Any = one.bind(SPEC).issuer
    connection = issuer.context.connections["c"]
    assert connection.options == Options(connection="own")
    one.close()
    assert connection.closed
    assert issuer.context.connections["c"] is not connection


def test_a_connection_that_the_configuration_lost_is_told() -> None:
    issuer: Any = registry(Declared(connections={})).bind(SPEC).issuer
    with pytest.raises(UsageError) as caught:
        issuer.context.connections["c"]
    assert caught.value.code == "plugin.no-connection"


@pytest.mark.parametrize("options", [{"new": 1}, {"connection": "refused"}])
def test_stored_options_that_this_version_does_not_know_are_told(
    options: dict[str, Any],
) -> None:
    spec = replace(SPEC, store=PluginSpec(type="s", options=options))
    with pytest.raises(UsageError) as caught:
        registry().bind(spec)
    assert caught.value.code == "plugin.options"


def test_what_is_at_its_default_is_no_part_of_a_specification() -> None:
    assert Plugin("i", Options()).specification() == PluginSpec(type="i", options={})
    spec = Plugin("i", Options(several=("a",))).specification()
    assert spec == PluginSpec(type="i", options={"several": ["a"]})


def test_the_built_in_adapters_are_built_from_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "rotation.yaml"
    path.write_text("""\
installation: 0f3a9c2b71de
commands: bin
connections: {aws: {type: aws, account: "111122223333", region: eu-west-1}}
secrets:
  - id: orders
    application: orders
    environment: production
    owner: team-orders
    store: {type: aws-secrets-manager, connection: aws, name: prod/orders}
    issuer: {type: generated, kind: token}
    value: whole
    probe: {type: command, argv: [look]}
    consumers:
      - {id: service, type: command, role: verifier, argv: [hand]}
      - {id: api, type: store-reader, refresh: 1m, accept_elapsed: true}
""")
    configuration = load(path)
    [entry] = configuration.secrets()
    bound = Registry(configuration, SimulatedClock(World())).bind(
        configuration.specification(entry)
    )
    kinds = [type(each).__name__ for each in (bound.issuer, bound.store, bound.probe)]
    assert kinds == ["GeneratedIssuer", "SecretsManagerStore", "CommandProbe"]
    assert {name: type(each).__name__ for name, each in bound.consumers.items()} == {
        "api": "StoreReader"
    }


def test_how_to_end_a_credential_by_hand_is_told_by_every_issuer_of_ours() -> None:
    for name in installed().names("issuers"):
        assert callable(installed().options("issuers", name).by_hand), name


def test_how_to_end_a_key_by_hand_is_told_without_its_connection() -> None:
    key = PluginSpec(type="aws-iam-access-key", options={"connection": "aws", "user": "app"})
    spec = replace(SPEC, issuer=key)
    assert by_hand(spec, "AKIAOLD", {}) == (
        "aws iam update-access-key --user-name app --access-key-id AKIAOLD --status Inactive"
    )
    unknown = PluginSpec(type="nobody-s", options={})
    assert by_hand(replace(spec, issuer=unknown), "AKIAOLD", {}) is None
