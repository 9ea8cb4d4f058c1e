"""The numbers at the end: each is measured now, and each says what it must be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.aws.demo.scan import blind_spots, scan, spellings
from providers.aws.demo.screen import Screen
from providers.aws.demo.stage import BILLING, ORDERS, PARTNER, STORED, USER, Stage
from providers.aws.demo.tally import Tally

DEATHS = {BILLING: 2, ORDERS: 1, PARTNER: 1}
"""How many old credentials each secret leaves behind: the key is replaced twice."""


@dataclass
class Measured:
    """contained: the key that the emergency switched off."""

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


@dataclass(frozen=True, slots=True)
class Held:
    """One version of a secret, as strict AWS keeps it: the bytes that the scan looks for."""

    secret: str
    current: bool
    key: str
    value: str


def verdict(
    here: Stage,
    screen: Screen,
    tallies: Mapping[str, Tally],
    events: Sequence[Mapping[str, Any]],
    measured: Measured,
) -> int:
    """Print every number; 0 if all are good."""
    held = [version for name in STORED for version in _versions(here, name)]
    (here.captured / "screen").write_text("\n".join(screen.said))
    numbers = [
        *_uses(tallies, measured),
        _takeover(measured),
        _deaths(here, held, events),
        _orphans(here),
        _bytes(here, held),
        Number(
            "runner's end",
            f"SIGTERM: exit {measured.stop_code} after {measured.stop_s:.1f} s; journal whole",
            measured.stop_code == 0,
        ),
    ]
    screen.title("What was measured")
    for number in numbers:
        mark = "ok " if number.good else "BAD"
        screen.say(f"    {mark} {number.name:<22} {number.text}", "" if number.good else "31")
    screen.say(f"        time                   {screen.seconds:.1f} s")
    good = all(number.good for number in numbers)
    _next(screen, good=good)
    return 0 if good else 1


def _versions(here: Stage, name: str) -> Iterator[Held]:
    truth = here.aws.truth
    for version, labels in truth.versions(STORED[name]).items():
        value = json.loads(truth.value(STORED[name], version) or "{}")
        secret = next((value[field] for field in _SECRET_FIELDS if field in value), None)
        if secret is not None:
            key = value.get("AWS_ACCESS_KEY_ID", "")
            yield Held(name, "AWSCURRENT" in labels, key, secret)


_SECRET_FIELDS = ("AWS_SECRET_ACCESS_KEY", "password", "token")


def _uses(tallies: Mapping[str, Tally], measured: Measured) -> Iterator[Number]:
    calls = sum(tally.calls for tally in tallies.values())
    contained = tallies[BILLING].refused_with(measured.contained)
    refused = sum(len(tally.refusals) for tally in tallies.values()) - len(contained)
    yield Number("applications' logins", f"{calls:,}, of which failed: {refused}", refused == 0)
    window = contained[-1] - contained[0] if contained else 0.0
    yield Number(
        "in the emergency",
        f"the leaked key was off {measured.contained_s:.1f} s after the command; {len(contained)} "
        f"logins with it were refused in {window:.1f} s, until its successor was there",
        bool(contained),
    )


def _takeover(measured: Measured) -> Number:
    return Number(
        "kill -9",
        f"{measured.kill_after_ms:.0f} ms after the log told of the mint; the next runner went on "
        f"{measured.takeover_s:.1f} s after the kill",
        0 < measured.takeover_s < 20,
    )


def _deaths(here: Stage, held: Sequence[Held], events: Sequence[Mapping[str, Any]]) -> Number:
    """The runner's own proof, and every old one is tried once more."""
    grades = [event["grade"] for event in events if event["event"] == "rotation.death-proved"]
    old = [version for version in held if not version.current]
    alive = [version for version in old if _logs_in(here, version)]
    proved = grades.count("proved")
    expected = sum(DEATHS.values())
    return Number(
        "old credentials dead",
        f"{len(old) - len(alive)} of {len(old)}, {proved} proved by refused logins; tried again now",
        len(old) == proved == expected and not alive,
    )


def _logs_in(here: Stage, version: Held) -> bool:
    if version.secret == BILLING:
        return here.aws.truth.accepts(version.key, version.value)
    return here.accepts(version.secret, version.value)


def _orphans(here: Stage) -> Number:
    """Asked of strict AWS and of the services, not of the journal."""
    truth = here.aws.truth
    keys = [key["AccessKeyId"] for key in truth.keys(USER)]
    stray = [key for key in keys if key != here.current_key()]
    extra = sum(int(here.ask(name, "count")[1]) - 1 for name in (ORDERS, PARTNER))
    pending = sum("AWSPENDING" in truth.labels(name) for name in STORED.values())
    missing = [name for name in (here.current_key(),) if name not in keys]
    return Number(
        "orphans",
        f"{len(stray) + extra + pending}: AWS lists {len(keys)} key, each service accepts "
        "1 value, nothing is pending",
        not stray and extra == 0 and pending == 0 and not missing,
    )


def _bytes(here: Stage, held: Sequence[Held]) -> Number:
    """Everything that was written, but the one file that was configured for an application."""
    blind = list(blind_spots(here.canaries, secrets.token_urlsafe(24)))
    found = scan(here.root, [version.value for version in held], exempt=[here.handed])
    handed = scan(here.handed.parent, [version.value for version in held])
    where = ", ".join(sorted({f"{hit.path.name} ({hit.spelling})" for hit in found.hits}))
    kinds = len(spellings("x" * 8))
    return Number(
        "secret bytes found",
        f"{len(found.hits)} {where}in {found.files} files, {found.size // 1024:,} KiB: journal, "
        f"logs, all output; {len(held)} secrets in {kinds} spellings, a planted one seen in "
        f"{kinds - len(blind)}; the application's own file has its own",
        not found.hits and not blind and bool(handed.hits),
    )


def _next(screen: Screen, *, good: bool) -> None:
    screen.say()
    if not good:
        screen.say("A number is not what it must be: that is a bug, please report it.", "31")
        return
    screen.say("Try next", "1")
    for command, what in (
        ("rotation init", "writes a commented rotation.yaml for a key of your own account"),
        (
            "rotation plan",
            "every row, every call, and what would be destroyed when; changes nothing",
        ),
        ("rotation --help", "all verbs"),
        ("make sim", "the same machine under thousands of crashes and faults"),
    ):
        screen.say(f"    {command:<18} {what}")
