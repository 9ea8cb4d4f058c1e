"""The words for what a changed configuration gives: on a terminal, in a pull request, for a program."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rotation.cli.output import plain
from rotation.operations.changes import Changes

SAME = "both configurations say the same"
NOTHING = "nobody gains code execution, a sink, a host, a reference or a right"
LOOK = "look at each gain as you would at a change of rights"
NO_JOURNAL = "which become due at once is not known here: the journal cannot be read"


def as_document(found: Changes) -> dict[str, Any]:
    gains = [{"kind": each.kind, "whose": each.whose, "what": each.what} for each in found.gains]
    return {**asdict(found), "gains": gains}


def text(found: Changes) -> Iterator[str]:
    if found.same:
        yield SAME
        return
    for gain in found.gains:
        yield plain(f"gains    {gain.kind}  {gain.whose}: {gain.what}")
    for word, lines in _sections(found):
        yield from (plain(f"{word:<8} {line}") for line in lines)
    if found.due is None:
        yield NO_JOURNAL
    yield LOOK if found.gains else NOTHING


def markdown(found: Changes) -> Iterator[str]:
    """Names and values are code spans: what a pull request contains is shown and never rendered."""
    yield "### rotation: what this change gives"
    yield ""
    if found.same:
        yield f"{SAME[0].upper()}{SAME[1:]}."
        return
    if found.gains:
        yield "| gains | whose | what |"
        yield "| --- | --- | --- |"
        for gain in found.gains:
            yield f"| **{gain.kind}** | {_code(gain.whose)} | {_code(gain.what)} |"
        yield ""
    yield f"**{LOOK if found.gains else NOTHING}.**"
    for word, lines in _sections(found):
        yield ""
        yield f"{word}:"
        yield ""
        yield from (f"- {_code(line)}" for line in lines)
    if found.due is None:
        yield ""
        yield f"_{NO_JOURNAL}._"


def _sections(found: Changes) -> Iterator[tuple[str, Sequence[str]]]:
    sections: tuple[tuple[str, Sequence[str]], ...] = (
        ("new", found.new),
        (
            "gone",
            [f"{name}; its credential lives on until `rotation retire`" for name in found.gone],
        ),
        ("renamed", [f"{former} -> {name}" for former, name in found.renamed.items()]),
        ("moves", _lines(found.moved)),
        ("changed", _lines(found.changed)),
        ("pause", [f"{name} {line}" for name, line in found.pauses.items()]),
        ("due now", found.due or ()),
        ("setting", found.settings),
    )
    yield from ((word, lines) for word, lines in sections if lines)


def _lines(by_name: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{name}: {', '.join(what)}" for name, what in by_name.items()]


def _code(value: str) -> str:
    """On one line; nothing in it ends the code span or the cell of the table."""
    shown = plain(value).replace("`", "'").replace("|", "¦")
    return f"`{shown}`"
