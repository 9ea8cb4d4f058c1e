"""Everything that a family's connections need beside their policies, for a stack that is not
`infra/`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rotation.config import Configuration
from rotation.config.document import parse
from rotation.config.findings import Invalid
from rotation.config.reading import shape
from rotation.errors import UsageError
from rotation.permissions import compiler
from rotation.permissions.compiler import renderer_of
from rotation.permissions.resources import Made, Stacked
from rotation.plugins.registry import Plugins, installed

BYTES_MAX = 1 << 20


def stacked_of(family: str, plugins: Plugins | None = None) -> Stacked:
    """Raises UsageError where that family has only policies."""
    renderer: Any = renderer_of(plugins or installed(), family)
    if not hasattr(renderer, "stack"):
        raise UsageError(
            "policy.no-stack",
            f"there is no stack for {family}: it needs only policies",
            "leave out --stack",
        )
    stacked: Stacked = renderer.stack()
    return stacked


def made(configuration: Configuration, family: str, file: Path) -> list[Made]:
    """What each connection of that family needs. Raises UsageError with all that is wrong."""
    stacked = stacked_of(family)
    settings = _read(stacked, file)
    scopes = [
        scope
        for scope in compiler.compile(configuration)
        if configuration.connections[scope.connection].type == family
    ]
    if wrong := list(stacked.mistakes(settings, scopes)):
        raise _refused(file, wrong)
    states = {entry.id: entry.state for entry in configuration.secrets()}
    return [stacked.made(scope, settings, states) for scope in scopes]


def _read(stacked: Stacked, file: Path) -> Any:
    try:
        with file.open("rb") as opened:
            text = opened.read(BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            "policy.stack-unreadable",
            f"{file} cannot be read as text; nothing was printed",
            "name the file with the stack's settings; docs/infra.md lists its keys",
        ) from None
    raw, problems, _ = parse(text)
    if problems:
        raise _refused(file, [f"line {line}: {each.message}" for line, each in problems])
    try:
        return shape(stacked.options).read({} if raw is None else raw)
    except Invalid as error:
        raise _refused(file, list(_lines(error))) from None


def _lines(error: Invalid) -> Iterator[str]:
    for each in error.problems:
        where = ".".join(map(str, each.where))
        yield f"{where}: {each.message}{f'; {each.hint}' if each.hint else ''}"


def _refused(file: Path, wrong: Sequence[str]) -> UsageError:
    return UsageError(
        "policy.stack",
        f"{file} and the configuration make no stack; nothing was printed:\n"
        + "\n".join(f"  {each}" for each in wrong),
        "correct what is wrong; docs/infra.md lists the keys of the file",
    )
