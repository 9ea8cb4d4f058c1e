"""The numbers at the end: each is measured, and each says what it must be."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rotation.demo.environment import APPLICATIONS, BILLING, SERVICES, Number, Version
from rotation.demo.scan import blind_spots, scan, spellings
from rotation.demo.scenario import Measured, Scenario
from rotation.demo.screen import Screen

DEATH_PROVED = "rotation.death-proved"


def report(scenario: Scenario) -> int:
    """Print every number; 0 if all are good."""
    said = scenario.workspace.captured / "screen"
    said.write_text("\n".join(scenario.screen.said))
    numbers = [
        *_uses(scenario),
        _takeover(scenario.measured),
        _deaths(scenario),
        _orphans(scenario),
        *scenario.environment.numbers(),
        _secret_bytes(scenario),
        _end_of_the_runner(scenario.measured),
    ]
    return print_numbers(
        scenario.screen,
        numbers,
        ("rotation init", "writes a commented rotation.yaml for a credential of your own"),
        (
            "rotation plan NAME",
            "every step, its calls and permissions, and what dies when; changes nothing",
        ),
        ("rotation --help", "all verbs"),
        scenario.environment.words.other,
        *_in_the_sources(),
    )


def _in_the_sources() -> Iterator[tuple[str, str]]:
    """An installed demo has no Makefile."""
    if (Path(__file__).parents[2] / "Makefile").is_file():
        yield "make sim", "the same machine under thousands of crashes and faults"


def _uses(scenario: Scenario) -> Iterator[Number]:
    measured, counters = scenario.measured, scenario.counters
    contained = counters[BILLING].refused_with(measured.contained)
    calls = sum(counter.calls for counter in counters.values())
    refused = sum(len(counter.refusals) for counter in counters.values()) - len(contained)
    yield Number("applications' logins", f"{calls:,}, of which failed: {refused}", refused == 0)
    window = contained[-1] - contained[0] if contained else 0.0
    yield Number(
        "in the emergency",
        f"the leaked one was off {measured.contained_s:.1f} s after the command; logins with it "
        f"that were refused until its successor was there: {len(contained)}, in {window:.1f} s",
        bool(contained),
    )


def _takeover(measured: Measured) -> Number:
    return Number(
        "kill -9",
        f"{measured.kill_after_ms:.0f} ms after the log told of the mint; the next runner went on "
        f"{measured.takeover_s:.1f} s after the kill",
        0 < measured.takeover_s < 20,
    )


def _deaths(scenario: Scenario) -> Number:
    """The runner's own proofs; besides, every old credential and every current one is tried once
    more. Each secret leaves one old credential behind, and the leaked one is replaced twice."""
    grades = [event["grade"] for event in scenario.events if event["event"] == DEATH_PROVED]
    current = {scenario.environment.versions(name)[0] for name in APPLICATIONS}
    old = scenario.held - current
    alive = [version for version in old if _accepted(scenario, version)]
    proved, expected = grades.count("proved"), len(APPLICATIONS) + 1
    return Number(
        "old credentials dead",
        f"{len(old) - len(alive)} of {len(old)}, {proved} proved by refused logins; tried again now",
        len(old) == proved == expected
        and not alive
        and all(_accepted(scenario, version) for version in current),
    )


def _accepted(scenario: Scenario, version: Version) -> bool:
    if version.secret in SERVICES:
        return scenario.workspace.services.accepts(version.secret, version.value)
    return scenario.environment.accepts(version)


def _orphans(scenario: Scenario) -> Number:
    """Counted at the vendor and at the services, not in the journal. A login has shown that the
    listed credentials are those in use."""
    environment, words = scenario.environment, scenario.environment.words
    issued, staged = environment.issued(), environment.staged()
    accepted = [scenario.workspace.services.count(service) for service in SERVICES]
    orphans = issued - 1 + staged + sum(accepted) - len(accepted)
    return Number(
        "orphans",
        f"{orphans}: {words.vendor} lists {issued} {words.credential} and {staged} staged values, "
        f"the services accept {' and '.join(map(str, accepted))}",
        (issued, staged) == (1, 0) and set(accepted) == {1},
    )


def _secret_bytes(scenario: Scenario) -> Number:
    """Searches everything that was written, except the one file that was configured for an
    application."""
    here, values = scenario.workspace, [version.value for version in scenario.held]
    blind = list(blind_spots(here.canaries, secrets.token_urlsafe(24)))
    found = scan(here.root, values, exempt=[here.handed])
    where = "".join(sorted({f"{hit.path.name} ({hit.spelling}), " for hit in found.hits}))
    kinds = len(spellings("x" * 8))
    return Number(
        "secret bytes found",
        f"{len(found.hits)} {where}in {found.files} files, {found.size // 1024:,} KiB: journal, "
        f"logs, all output{scenario.environment.words.logs}; {len(values)} secrets in {kinds} "
        f"spellings, a planted one seen in {kinds - len(blind)}; the application's own file has "
        "its own",
        not found.hits and not blind and bool(scan(here.handed.parent, values).hits),
    )


def _end_of_the_runner(measured: Measured) -> Number:
    return Number(
        "runner's end",
        f"SIGTERM: exit {measured.stop_code} after {measured.stop_s:.1f} s; journal whole",
        measured.stop_code == 0,
    )


def started_as() -> str:
    """How to start this program again: by its name where the shell finds this very one, else by its
    path."""
    this = Path(sys.executable).with_name("rotation")
    found = shutil.which("rotation")
    if (found is not None and Path(found).samefile(this)) or not this.exists():
        return "rotation"
    return str(this.relative_to(Path.cwd()) if this.is_relative_to(Path.cwd()) else this)


def print_numbers(screen: Screen, numbers: Sequence[Number], *next_ones: tuple[str, str]) -> int:
    """Prints every number; 0 if all are good."""
    screen.title("What was measured")
    for number in numbers:
        mark = "ok " if number.good else "BAD"
        line = f"    {mark} {number.name:<22} {number.text}"
        screen.say(line, "" if number.good else "31", hang=31)
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
