"""The files of an `include:`, and what their secrets name beyond what they may.

The main file's author decides what a team's file may name. Otherwise that team could have another
team's credential rotated, or delivered to itself, with the rights of the runner.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotation.config.configuration import ConfiguredSecret
from rotation.config.findings import Problem, Where, named
from rotation.config.leaks import looks_secret
from rotation.config.rules import Resolved, plugins_of
from rotation.config.scope import Include, Scope

FILES_MAX = 10_000


def files_of(include: Include, main: Path) -> Iterator[Path | Problem]:
    """The files, in the order of their names. Hidden ones are left out, as in a shell."""
    directory = main.parent
    found = sorted(path for path in directory.glob(include.files) if not _is_hidden(path))
    if not found:
        yield _problem("config.include-missing", "no file of that name", "take it out, or add one")
    if len(found) > FILES_MAX:
        yield _problem("config.include-many", f"more than {FILES_MAX} files", "use an `inventory:`")
        return
    home = directory.resolve()
    for path in found:
        real, name = path.resolve(), path.relative_to(directory)
        if real == main.resolve():
            message = f"`{name}` is this file itself, so the includes would never end"
            yield _problem("config.include-circle", message, "give included files a directory")
        elif not real.is_relative_to(home):
            message = f"`{name}` leads out of the directory of this file"
            yield _problem("config.include-outside", message, "put the file itself there, no link")
        else:
            yield path


def _is_hidden(path: Path) -> bool:
    """An editor's copy, for example."""
    return path.name.startswith(".")


def _problem(code: str, message: str, hint: str) -> Problem:
    return Problem(("files",), code, message, hint)


def foreign_keys(raw: Any) -> Iterator[Problem]:
    """An included file has secrets and nothing else: the rest is the main file's to decide."""
    if not isinstance(raw, dict):
        yield Problem((), "config.type", "a mapping with `secrets` is expected")
        return
    if not isinstance(raw.get("secrets", []), list):
        yield Problem(("secrets",), "config.type", "a list is expected")
    for key in raw.keys() - {"secrets"}:
        if key in ("include", "inventory"):
            message = f"an included file cannot have `{key}:` of its own"
            yield Problem((key,), "config.include-nested", message, "name it in the main file")
        else:
            message = f"`{named(key)}`: an included file has only `secrets:`"
            yield Problem((key,), "config.include-key", message, "it belongs in the main file")


def beyond(entry: ConfiguredSecret, scope: Scope) -> Iterator[Problem]:
    """What a secret names beyond what it may, by its names alone: these differ between secrets that
    are otherwise alike."""
    if entry.owner != scope.owner:
        yield Problem(
            ("owner",),
            "config.include-owner",
            f"secrets of this file belong to {scope.owner}",
            "state that owner, or move the secret into the file of its own team",
        )
    for where, key, name in (
        ("id", "names", entry.id),
        ("store", "stored", entry.place),
        ("application", "applications", entry.application),
        ("environment", "environments", entry.environment),
    ):
        if name not in scope.lists[key]:
            yield from _outside((where,), key, name, scope)
    listed = entry.identity in scope.lists["issued"].whole
    if listed or entry.identity == f"{entry.issuer}/{entry.place}":
        return  # its place stands for it; or it is listed itself, with everything that it replaces
    for login in entry.turns if len(entry.turns) > 1 else (entry.identity,):
        yield from _outside(("issuer",), "issued", login, scope)


def beyond_in_detail(resolved: Resolved, scope: Scope) -> Iterator[Problem]:
    """The rest: connections, plugins, commands, files, where values wait, class, exception, former name."""
    secret = resolved.secret
    if secret.was is not None:
        yield from _outside(("was",), "names", secret.was, scope)
    yield from _outside(("class",), "classes", secret.class_, scope)
    if secret.exception is not None and not scope.exceptions:
        message = "files of this include may not have exceptions"
        yield Problem(("exception",), "config.outside-include", message, _hint("exceptions"))
    for part, plugin in plugins_of(secret):
        yield from _outside((*part, "type"), "plugins", plugin.type, scope)
        if (connection := plugin.options.connection) is not None:
            yield from _outside((*part, "connection"), "connections", connection, scope)
        for key, words in plugin.options.commands().items():
            yield from _outside((*part, key), "commands", words[0], scope)
    for where, path in resolved.files.items():
        yield from _outside(where, "files", path, scope)
    store = secret.store.options
    if store.staged is not None:
        home = resolved.place.removesuffix(store.location)
        yield from _outside(("store",), "stored", f"{home}{store.staged}", scope)


def _outside(where: Where, key: str, name: str, scope: Scope) -> Iterator[Problem]:
    if name not in scope.lists[key]:
        shown = "?" if looks_secret(name) else name
        yield Problem(
            where,
            "config.outside-include",
            f"`{shown}` is not among the `{key}` that files of {scope.owner} may name",
            _hint(key),
        )


def _hint(key: str) -> str:
    return f"`may.{key}` of its `include:` in the main file decides; or another team's file has it"
