"""A journal as `rotation journal export` wrote it, and what the machine decides after each entry."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rotation.journal.chain import rotations
from rotation.journal.entries import Entry, Kind, RowKey, unstamp
from rotation.machine.decide import Action, Close, Do, Held, Wait, next_action
from rotation.machine.replay import replay

JOURNALS = Path(__file__).parent / "journals"


def kept() -> list[str]:
    return sorted(path.stem for path in JOURNALS.glob("*.jsonl"))


def lines_of(name: str) -> list[dict[str, Any]]:
    text = (JOURNALS / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def entry(line: dict[str, Any]) -> Entry:
    row = line["row"]
    return Entry(
        **{
            **line,
            "kind": Kind(line["kind"]),
            "row": None if row is None else RowKey(*row),
            "at": unstamp(line["at"]),
            "server_at": unstamp(line["server_at"]),
        }
    )


def decisions(entries: Sequence[Entry]) -> Iterator[str]:
    """After each entry: a runner may have been killed there."""
    for end in range(1, len(entries) + 1):
        *_, rotation = rotations(entries[:end])
        last = entries[end - 1]
        yield f"{last.seq} {last.kind}: {spoken(next_action(replay(rotation), last.at))}"


def spoken(action: Action) -> str:
    match action:
        case Do(row=row, in_doubt=in_doubt):
            return f"do {row.name}{', in doubt' if in_doubt else ''}"
        case Wait(row=row):
            return f"wait for {row.name if row else 'a person'}"
        case Held(code=code):
            return f"held, {code}"
        case Close(outcome=outcome):
            return f"close, {outcome}"


def decisions_kept(name: str) -> list[str]:
    return (JOURNALS / f"{name}.decisions").read_text(encoding="utf-8").splitlines()


def keep_decisions(name: str, made: Iterable[str]) -> None:
    (JOURNALS / f"{name}.decisions").write_text("\n".join(made) + "\n", encoding="utf-8")
