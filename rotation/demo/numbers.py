"""The numbers at the end: each is measured, and each says what it must be."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotation.demo.place import Place
from rotation.demo.scan import blind_spots, scan, spellings
from rotation.demo.screen import Screen
from rotation.demo.tally import Tally


@dataclass
class Measured:
    """contained: the public id of what the emergency switched off."""

    kill_after_ms: float = 0.0
    takeover_s: float = 0.0
    contained: str = ""
    contained_s: float = 0.0
    stop_code: int = -1
    stop_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Number:
    """One line of the result."""

    name: str
    text: str
    good: bool


def uses(tallies: Iterable[Tally], leaked: Tally, measured: Measured) -> Iterator[Number]:
    """leaked: of the application whose credential the emergency switched off."""
    told = list(tallies)
    calls = sum(tally.calls for tally in told)
    contained = leaked.refused_with(measured.contained)
    refused = sum(len(tally.refusals) for tally in told) - len(contained)
    yield Number("applications' logins", f"{calls:,}, of which failed: {refused}", refused == 0)
    window = contained[-1] - contained[0] if contained else 0.0
    yield Number(
        "in the emergency",
        f"the leaked one was off {measured.contained_s:.1f} s after the command; logins with it "
        f"that were refused until its successor was there: {len(contained)}, in {window:.1f} s",
        bool(contained),
    )


def takeover(measured: Measured) -> Number:
    return Number(
        "kill -9",
        f"{measured.kill_after_ms:.0f} ms after the log told of the mint; the next runner went on "
        f"{measured.takeover_s:.1f} s after the kill",
        0 < measured.takeover_s < 20,
    )


def secret_bytes(
    here: Place, values: Collection[str], handed: Path | None = None, also: str = ""
) -> Number:
    """Everything that was written, but the one file that was configured for an application."""
    blind = list(blind_spots(here.canaries, secrets.token_urlsafe(24)))
    found = scan(here.root, values, exempt=[] if handed is None else [handed])
    where = "".join(sorted({f"{hit.path.name} ({hit.spelling}), " for hit in found.hits}))
    kinds = len(spellings("x" * 8))
    own = handed is None or bool(scan(handed.parent, values).hits)
    told = "" if handed is None else "; the application's own file has its own"
    return Number(
        "secret bytes found",
        f"{len(found.hits)} {where}in {found.files} files, {found.size // 1024:,} KiB: journal, "
        f"logs, all output{also}; {len(values)} secrets in {kinds} spellings, a planted one seen in "
        f"{kinds - len(blind)}{told}",
        not found.hits and not blind and own,
    )


def end_of_the_runner(measured: Measured) -> Number:
    return Number(
        "runner's end",
        f"SIGTERM: exit {measured.stop_code} after {measured.stop_s:.1f} s; journal whole",
        measured.stop_code == 0,
    )


def started_as() -> str:
    """How to start this program again: by its name where the shell finds this very one, else by
    its path."""
    this = Path(sys.executable).with_name("rotation")
    found = shutil.which("rotation")
    if (found is not None and Path(found).samefile(this)) or not this.exists():
        return "rotation"
    return str(this.relative_to(Path.cwd()) if this.is_relative_to(Path.cwd()) else this)


def tell(screen: Screen, numbers: Sequence[Number], *next_ones: tuple[str, str]) -> int:
    """Print every number; 0 if all are good."""
    screen.title("What was measured")
    for number in numbers:
        mark = "ok " if number.good else "BAD"
        told = f"    {mark} {number.name:<22} {number.text}"
        screen.say(told, "" if number.good else "31", hang=31)
    screen.say(f"        time                   {screen.seconds:.1f} s")
    screen.say()
    if not all(number.good for number in numbers):
        screen.say("A number is not what it must be: that is a bug, please report it.", "31")
        return 1
    screen.say("Try next", "1")
    program = started_as()
    for command, what in next_ones:
        screen.say(f"    {command.replace('rotation', program, 1)}")
        screen.say(f"        {what}")
    return 0
