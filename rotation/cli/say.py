"""Output: results to stdout, everything else to stderr; tables that fit; nothing secret."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rotation.errors import RotationError

if TYPE_CHECKING:
    from rotation.cli.app import Settings

SCHEMA_VERSION = 1

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Without control characters: what a provider or a file named must not steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def result(text: str = "") -> None:
    click.echo(text)


def note(text: str, *, color: bool | None = None) -> None:
    """Progress and remarks: never part of the result. Where nobody reads them any more (`| head`, a
    terminal that is gone) the work goes on all the same."""
    with suppress(OSError):
        click.echo(text, err=True, color=color)


def written(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=False)


def as_json(kind: str, content: Mapping[str, Any]) -> None:
    """One document. `kind` and `schema_version` tell a program what it reads."""
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, **content}
    click.echo(written(document, indent=2))


def done(kind: str, text: str, **facts: Any) -> None:
    """What was done: a sentence for a person, its facts for a program."""
    from rotation.cli.app import settings  # noqa: PLC0415 -- which imports this module's users

    if settings().output == "json":
        as_json(kind, {**facts, "message": text})
    else:
        result(plain(text))


def next_step(error: RotationError) -> str | None:
    return error.hint or error.NEXT or None


def complain(error: RotationError, settings: "Settings") -> None:
    """What happened, what to do next, and the stable code, in that order."""
    if settings.output == "json":
        told = {"code": error.code, "message": error.message, "hint": next_step(error)}
        document = {"schema_version": SCHEMA_VERSION, "kind": "error", "error": told}
        click.echo(written(document), err=True)
        return
    color = settings.colored  # the context that knew is over where the program ends
    label = click.style("error", fg="red", bold=True)
    findings = getattr(error, "findings", ())
    many = f"the configuration has {len(findings)} mistakes; nothing was done"
    note(f"{label}: {many if len(findings) > 1 else plain(error.message)}", color=color)
    for finding in findings if len(findings) > 1 else ():
        note(f"  {plain(str(finding))}")
    step = next_step(error)
    if step:
        note(f"  next: {plain(step)}")
    note(click.style(f"  code: {error.code}", dim=True), color=color)


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and how it is coloured where there are colours."""

    text: str
    style: Mapping[str, Any] | None = None

    def drawn(self, width: int) -> str:
        text = self.text.ljust(width)
        return click.style(text, **self.style) if self.style else text


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, indent: str = "") -> list[str]:
    """Lines of aligned columns, as wide as their content; the last one is left ragged."""
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
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
