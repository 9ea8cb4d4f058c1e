"""The numbers at the end: each is measured now, and each says what it must be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.aws.demo.stage import BILLING, ORDERS, PARTNER, STORED, USER, Stage
from rotation.demo.numbers import (
    Measured,
    Number,
    end_of_the_runner,
    secret_bytes,
    takeover,
    tell,
    uses,
)
from rotation.demo.screen import Screen
from rotation.demo.tally import Tally

DEATHS = {BILLING: 2, ORDERS: 1, PARTNER: 1}
"""How many old credentials each secret leaves behind: the key is replaced twice."""


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
        *uses(tallies.values(), tallies[BILLING], measured),
        takeover(measured),
        _deaths(here, held, events),
        _orphans(here),
        secret_bytes(here, [version.value for version in held], here.handed),
        end_of_the_runner(measured),
    ]
    return tell(
        screen,
        numbers,
        ("rotation init", "writes a commented rotation.yaml for a key of your own account"),
        (
            "rotation plan NAME",
            "every step, its calls and permissions, and what dies when; changes nothing",
        ),
        ("rotation --help", "all verbs"),
        ("make sim", "the same machine under thousands of crashes and faults"),
    )


def _versions(here: Stage, name: str) -> Iterator[Held]:
    oracle = here.aws.oracle
    for version, labels in oracle.versions(STORED[name]).items():
        value = json.loads(oracle.value(STORED[name], version) or "{}")
        secret = next((value[field] for field in _SECRET_FIELDS if field in value), None)
        if secret is not None:
            key = value.get("AWS_ACCESS_KEY_ID", "")
            yield Held(name, "AWSCURRENT" in labels, key, secret)


_SECRET_FIELDS = ("AWS_SECRET_ACCESS_KEY", "password", "token")


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
        return here.aws.oracle.accepts(version.key, version.value)
    return here.toy.accepts(version.secret, version.value)


def _orphans(here: Stage) -> Number:
    """Asked of strict AWS and of the services, not of the journal."""
    oracle = here.aws.oracle
    keys = [key["AccessKeyId"] for key in oracle.keys(USER)]
    stray = [key for key in keys if key != here.current_key()]
    extra = sum(here.toy.count(name) - 1 for name in (ORDERS, PARTNER))
    pending = sum("AWSPENDING" in oracle.labels(name) for name in STORED.values())
    missing = [name for name in (here.current_key(),) if name not in keys]
    return Number(
        "orphans",
        f"{len(stray) + extra + pending}: AWS lists {len(keys)} key, each service accepts "
        "1 value, nothing is pending",
        not stray and extra == 0 and pending == 0 and not missing,
    )
