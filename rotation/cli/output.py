"""Output: results to stdout, everything else to stderr; tables that fit; nothing secret."""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import click

from rotation.errors import RotationError
from rotation.types import contains_live_value

if TYPE_CHECKING:
    from rotation.cli.app import Settings

SCHEMA_VERSION = 1

# Control characters, and invisible ones that change the order of the visible ones.
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def plain(text: str) -> str:
    """The text as one line, without characters that control a terminal or disguise a name: a
    provider or a file may have named it, and must not add a line of its own."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))


def plain_lines(text: str) -> str:
    """The same of a text whose lines are ours."""
    return "\n".join(map(plain, text.split("\n")))


def escaped(json_text: str) -> str:
    """The same JSON without anything that controls a terminal. Lines stay lines, because JSON
    itself escapes what is in a text."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


LEFT_OUT = "(left out: there was a secret in it)"


def harmless(text: str) -> str:
    """The text, unless it holds a secret: an adapter's error or a service's answer might."""
    return LEFT_OUT if contains_live_value(text) else text


def result(text: str = "") -> None:
    """Prints a line of the result; on a terminal it is broken between words."""
    click.echo(fitted(harmless(text), sys.stdout))


def verbatim(text: str) -> None:
    """Prints what a program or a shell reads, unchanged."""
    click.echo(harmless(text))


def columns(stream: IO[str]) -> int | None:
    """The width of the terminal; None where the stream is not one."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def fitted(text: str, stream: IO[str]) -> str:
    width = columns(stream)
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _broken(line, width))


def _broken(line: str, width: int) -> Iterator[str]:
    """Further lines are indented by two more blanks. Colours take no width."""
    indent = " " * (len(line) - len(line.lstrip(" ")))
    first, *words = line[len(indent) :].split(" ")
    line = indent + first
    for word in words:
        if len(click.unstyle(f"{line} {word}").rstrip()) > width and line.strip():
            yield line.rstrip()
            line = f"{indent}  {word}" if word else f"{indent} "
        else:
            line += f" {word}"
    yield line


def note(text: str, *, color: bool | None = None) -> None:
    """Prints progress and remarks, which are never part of the result. If nobody can read them any
    more (`| head`, a terminal that is gone), the work goes on all the same."""
    with suppress(OSError):
        click.echo(fitted(harmless(text), sys.stderr), err=True, color=color)


def written(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    if contains_live_value(text):
        text = json.dumps(_without_secrets(document), indent=indent, ensure_ascii=False)
    return escaped(text)


def _without_secrets(value: Any) -> Any:
    match value:
        case str():
            return harmless(value)
        case Mapping():
            return {harmless(name): _without_secrets(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_without_secrets(inner) for inner in value]
        case _:
            return value


def as_json(kind: str, content: Mapping[str, Any]) -> None:
    """Prints one document. `kind` and `schema_version` tell a program what it reads."""
    click.echo(document(kind, content))


def document(kind: str, content: Mapping[str, Any]) -> str:
    """The same as text, for a file."""
    return written({"schema_version": SCHEMA_VERSION, "kind": kind, **content}, indent=2)


def done(kind: str, text: str, **facts: Any) -> None:
    """Reports what was done: a sentence for a person, facts for a program."""
    from rotation.cli.app import settings  # noqa: PLC0415 -- which imports this module's users

    if settings().output == "json":
        as_json(kind, {**facts, "message": text})
    else:
        result(plain(text))


def next_step(error: RotationError) -> str | None:
    return error.hint or error.NEXT or None


def complain(error: RotationError, settings: "Settings") -> None:
    """Prints what happened, what to do next, and the stable code, in that order."""
    if settings.output == "json":
        described = {"code": error.code, "message": error.message, "hint": next_step(error)}
        document = {"schema_version": SCHEMA_VERSION, "kind": "error", "error": described}
        click.echo(written(document), err=True)
        return
    color = settings.colored  # the click context is gone when the program ends
    label = click.style("error", fg="red", bold=True)
    mistakes = getattr(error, "errors", ())
    many = f"the configuration has {len(mistakes)} mistakes; nothing was done"
    note(f"{label}: {many if len(mistakes) > 1 else plain(error.message)}", color=color)
    for finding in mistakes if len(mistakes) > 1 else ():
        note(f"  {plain(str(finding))}")
    step = next_step(error)
    if step:
        note(f"  next: {plain(step)}")
    note(click.style(f"  code: {error.code}", dim=True), color=color)


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its style where colours are used."""

    text: str
    style: Mapping[str, Any] | None = None

    def drawn(self, width: int) -> str:
        text = self.text.ljust(width)
        return click.style(text, **self.style) if self.style else text


def _width(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
    cells = zip(head, *([cell.text for cell in row] for row in rows), strict=True)
    return sum(max(map(len, column)) + 2 for column in cells) - 2


def table(
    head: Sequence[str], rows: Sequence[Sequence[Cell]], *, indent: str = "",
    spare: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """Lines of aligned columns, as wide as their content; the last column is ragged. `spare`:
    columns to drop, in this order, while the terminal is too narrow."""
    room = columns(sys.stdout)
    for column in spare:
        if room is None or _width(head, rows) + len(indent) <= room:
            break
        kept = [n for n, title in enumerate(head) if n != head.index(column)]
        head, rows = [head[n] for n in kept], [[row[n] for n in kept] for row in rows]
    widths = [
        max([len(title), *(len(row[column].text) for row in rows)])
        for column, title in enumerate(head)
    ]
    widths[-1] = 0
    lines = [[Cell(title, {"bold": True}) for title in head]] if any(head) else []
    return [
        indent + "  ".join(cell.drawn(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [*lines, *rows]
    ]


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
