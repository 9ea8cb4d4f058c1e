"""The progress that a person watches while rotations advance: a live line per secret on a terminal,
plain lines elsewhere, nothing where a program reads. Always on stderr."""

import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from rotation.cli.app import settings
from rotation.cli.output import note, plain
from rotation.cli.session import Session
from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import (
    Closed,
    Confirmed,
    Delay,
    Destroyed,
    HeldFor,
    Issued,
    Proof,
    Suspended,
)
from rotation.journal.record import Fact
from rotation.machine.replay import Rotation, replay
from rotation.operations.advance import Show
from rotation.plan import Step
from rotation.report.describe import outcome_text, relative, row_mark
from rotation.report.exits import why_held
from rotation.report.health import present_row
from rotation.types import Evidence, Facts

if TYPE_CHECKING:
    from rich.console import RenderableType


@contextmanager
def progress(session: Session, names: Mapping[str, str]) -> Iterator[Show]:
    """names: stream -> the secret's id."""
    if settings().output == "json":
        yield _silent
    elif sys.stderr.isatty() and click.get_current_context().color is not False:
        with _live(session, names) as show:
            yield show
    else:
        yield Lines(names)


def _silent(entries: Sequence[Entry]) -> None:
    pass


@dataclass
class Lines:
    """One plain line for each entry that matters to a person. A wait that goes on for the same
    reason is repeated once a minute."""

    names: Mapping[str, str]
    _waits: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def __call__(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            why = Delay.of(entry.facts).why if entry.kind is Kind.WAITING else None
            before, at = self._waits.get(entry.stream, ("", entry.at))
            again = bool(why) and before == why and entry.at - at < SAID_AGAIN
            said = None if again else _said(entry)
            if not again:
                self._waits[entry.stream] = (why or "", entry.at)
            if said:
                name = self.names.get(entry.stream, entry.stream)
                note(plain(f"{entry.at:%H:%M:%S}Z  {name}  {said}"))


SAID_AGAIN = timedelta(minutes=1)

_SAID: Mapping[Kind, str] = {
    Kind.OPENED: "{plan} opened",
    Kind.NOTED: "{row}: {new} exists, its bytes go into the store",
    Kind.DONE: "{row}: done{detail}",
    Kind.WAITING: "{row}: {why}; {looks}",
    Kind.RETRY: "{row}: {message}; tries again at {until}",
    Kind.IN_DOUBT: "{row}: in doubt, {message}; looks again at {until}",
    Kind.FAILED: "{row}: failed, {message}",
    Kind.HELD: "held: {held}",
    Kind.REQUESTED: "{who} asks: {verb}",
    Kind.CLOSED: "{outcome}",
}


def _said(entry: Entry) -> str | None:
    template = _SAID.get(entry.kind)
    if entry.kind is Kind.WAITING and entry.row is None:
        return None  # the same wait was printed before
    return None if template is None else template.format_map(_words(entry))


def _words(entry: Entry) -> defaultdict[str, str]:
    facts = {name: str(value) for name, value in entry.facts.items()}
    words = defaultdict(str, facts)
    words["row"] = "" if entry.row is None else _row_name(entry.row.step, entry.row.subject)
    words["who"] = entry.who or "somebody"
    until = Delay.of(entry.facts).until
    if until is not None:
        day = "" if until.date() == entry.at.date() else f"{until:%Y-%m-%d} "
        words["until"] = f"{day}{until:%H:%M:%S}Z"
    words["looks"] = f"looks again at {words['until']}" if until else "until a person acts"
    used = Confirmed.of(entry.facts).evidence
    said = (Proof.of(entry.facts).grade, Issued.of(entry.facts).new,
            Suspended.of(entry.facts).suspended, evidence_of(used) if used else None)  # fmt: skip
    spared = entry.row is not None and is_spared(entry.row.step, entry.facts)
    words["detail"] = next(
        (f" ({value})" for value in said if value), f" ({SPARED})" if spared else ""
    )
    if entry.kind is Kind.HELD:
        words["held"] = why_held(HeldFor.of(entry.facts).code)
    if entry.kind is Kind.CLOSED:
        words["outcome"] = outcome_text(Closed.of(entry.facts).outcome)
    return words


SPARED = "nothing to do"


def evidence_of(grade: str) -> str:
    """The evidence in words. `drain` checks the usage; until then only the refresh time has
    passed."""
    return "its refresh time is over" if grade == Evidence.USAGE else grade


def is_spared(step: str, facts: Facts) -> bool:
    """Whether that step of a rollback found the new credential absent, or in use by readers."""
    removes: Mapping[str, Fact[Any, Any]] = {
        Step.SUSPEND_NEW: Suspended.suspended, Step.DESTROY_NEW: Destroyed.destroyed,
        Step.PROVE_NEW_DEAD: Proof.grade,
    }  # fmt: skip
    return step in removes and removes[step].name not in facts


def _row_name(step: str, subject: str) -> str:
    return step if subject == "-" else f"{step}[{subject.partition(':')[2]}]"


@contextmanager
def _live(session: Session, names: Mapping[str, str]) -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415 -- only a terminal pays for it
    from rich.live import Live  # noqa: PLC0415

    rotations: dict[str, list[Entry]] = {}
    lock = threading.Lock()

    def draw() -> "RenderableType":
        with lock:
            folded = [(stream, replay(entries)) for stream, entries in rotations.items()]
        return _lines(session, names, folded)

    def show(entries: Sequence[Entry]) -> None:
        with lock:
            for entry in entries:
                if entry.kind is Kind.OPENED or entry.stream not in rotations:
                    rotations[entry.stream] = list(session.journal.entries(entry.stream))
                elif entry.seq > rotations[entry.stream][-1].seq:
                    rotations[entry.stream].append(entry)

    with Live(get_renderable=draw, console=Console(stderr=True), refresh_per_second=4):
        yield show


_TICKS: Mapping[str, tuple[str, str]] = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "doubt": ("?", "yellow"),
    "waits": ("…", "cyan"),
    "open": ("·", "dim"),
}


def _lines(
    session: Session, names: Mapping[str, str], folded: Sequence[tuple[str, Rotation]]
) -> "RenderableType":
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 2))
    for stream, rotation in folded:
        ticks = Text()
        for row in rotation.active_rows:
            ticks.append(*_TICKS[row_mark(rotation, row)])
        grid.add_row(Text(names.get(stream, stream), "bold"), ticks, _doing(session, rotation))
    return grid


def _doing(session: Session, rotation: Rotation) -> str:
    """The text of a live line: the state of the rotation and what it waits for."""
    if rotation.outcome is not None:
        return outcome_text(rotation.outcome)
    if rotation.held is not None:
        return f"held: {why_held(rotation.held)}"
    row = present_row(rotation)
    if row is None:
        return "closing"
    state = rotation.states[row.position]
    if state.until is None:
        return f"{row.phase} ▸ {row.name}"
    return f"{row.phase} ▸ {row.name}: {state.why}, {relative(state.until, session.clock.now())}"
