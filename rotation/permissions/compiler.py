"""Compiles a configuration's secrets and their plugins' grants to what each connection must
allow."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rotation.config import Configuration, ConfiguredSecret
from rotation.errors import UsageError
from rotation.interfaces import Call, Need, Part, PolicyDocument, Renderer, Scope
from rotation.permissions.naming import assert_apart
from rotation.plugins.registry import Plugins, installed, parts_of
from rotation.types import PermissionSet, PluginSpec, Specification

Grants = Mapping[str, Mapping[PermissionSet, Sequence[Any]]]

# What the plan RETIRE uses, and an emergency meanwhile. A retired secret is never minted again.
RETIRING = frozenset(
    {
        PermissionSet.OBSERVE,
        PermissionSet.PROVE,
        PermissionSet.REVOKE,
        PermissionSet.PROMOTE,
        PermissionSet.CONTAIN,
    }
)


# The conditions in a grant's `when` that are decided here. All others are decided by the family.
DECIDED_HERE = frozenset({"foreign-fields", "pushed-consumer"})


@dataclass(frozen=True, slots=True)
class _Secret:
    parts: tuple[Part, ...]
    has: frozenset[str]
    sets: frozenset[PermissionSet]


def compile(  # noqa: A001 -- what it does, in the field's own word
    configuration: Configuration, plugins: Plugins | None = None
) -> tuple[Scope, ...]:
    """One scope for each connection whose family has a renderer, in the configuration's order."""
    plugins = plugins or installed()
    families = _families(configuration, plugins)
    if not families:
        return ()
    former = {name: before for before, name in configuration.renamed.items()}
    secrets = [
        _secret(configuration, entry, plugins, former.get(entry.id))
        for entry in configuration.secrets()
    ]
    scopes = tuple(
        _scope(configuration, name, secrets, renderer_of(plugins, family))
        for name, family in families.items()
    )
    assert_apart(scopes)
    return scopes


def documents(
    configuration: Configuration, family: str, plugins: Plugins | None = None
) -> Iterator[tuple[Scope, Sequence[PolicyDocument]]]:
    """What a family's connections need, in that family's own language. Raises UsageError where no
    family of that name writes policies."""
    plugins = plugins or installed()
    renderer = renderer_of(plugins, family)
    for scope in compile(configuration, plugins):
        if configuration.connections[scope.connection].type == family:
            written = renderer.documents(scope)
            _refuse_same_names(scope, written)
            yield scope, written


def _refuse_same_names(scope: Scope, written: Sequence[PolicyDocument]) -> None:
    """Two documents of the same name would overwrite each other wherever they are stored."""
    names = Counter(document.name for document in written)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise UsageError(
            "policy.same-name",
            f"{scope.connection} needs two documents that are both called {twice[0]}; none was "
            "printed",
            "an application and its environment are joined by a hyphen: rename one of them, as in "
            "`shop` of `eu-production` beside `shop-eu` of `production`",
        )


def calls(
    configuration: Configuration, entry: ConfiguredSecret, plugins: Plugins | None = None
) -> Iterator[tuple[str, Call]]:
    """What the permission sets of that secret call, each with the call's family."""
    plugins = plugins or installed()
    families = _families(configuration, plugins)
    secrets = [_secret(configuration, entry, plugins, None)] if families else []
    for name, family in families.items():
        renderer = renderer_of(plugins, family)
        for call in renderer.calls(_scope(configuration, name, secrets, renderer)):
            yield family, call


def _families(configuration: Configuration, plugins: Plugins) -> dict[str, str]:
    return {
        name: connection.type
        for name, connection in configuration.connections.items()
        if connection.type in plugins.names("renderers")
    }


def renderer_of(plugins: Plugins, family: str) -> Renderer:
    known = plugins.names("renderers")
    if family not in known:
        raise UsageError(
            "plugin.unknown",
            "that is no type of connection whose permissions can be printed",
            f"name one of {', '.join(known)}",
        )
    renderer: Renderer = plugins.load("renderers", family)()
    return renderer


def _scope(
    configuration: Configuration, name: str, secrets: Iterable[_Secret], renderer: Renderer
) -> Scope:
    grants = renderer.grants()
    mine = [
        (secret, part)
        for secret in secrets
        for part in secret.parts
        if part.options.connection == name
    ]
    return Scope(
        installation=configuration.installation,
        connection=name,
        options=configuration.connections[name].options,
        parts=tuple(part for _, part in mine),
        needs=tuple(need for secret, part in mine for need in _needs(secret, part, grants)),
    )


def _needs(secret: _Secret, part: Part, grants: Grants) -> Iterator[Need]:
    for under, granted in (grants.get(part.type) or part.options.grants()).items():
        if under in secret.sets:
            for grant in granted:
                if grant.when in secret.has or grant.when not in DECIDED_HERE:
                    yield Need(under=under, part=part, grant=grant)


def _secret(
    configuration: Configuration, entry: ConfiguredSecret, plugins: Plugins, was: str | None
) -> _Secret:
    spec = configuration.specification(entry)
    return _Secret(
        parts=tuple(
            replace(_part(entry, kind, plugin, plugins), was=was) for kind, plugin in parts_of(spec)
        ),
        has=frozenset(_has(spec)),
        sets=RETIRING if entry.state == "retired" else frozenset(PermissionSet),
    )


def _part(entry: ConfiguredSecret, kind: str, plugin: PluginSpec, plugins: Plugins) -> Part:
    return Part(
        secret=entry.id,
        identity=entry.identity,
        stream=entry.stream,
        application=entry.application,
        environment=entry.environment,
        kind=kind,
        type=plugin.type,
        options=plugins.read_back(kind, plugin),
    )


def _has(spec: Specification) -> Iterator[str]:
    """The conditions of grants that this secret fulfils."""
    yield "always"
    if spec.keep_foreign:
        yield "foreign-fields"
    if any(c.pushed and not c.gone for c in spec.consumers if c.role == "reader"):
        yield "pushed-consumer"
