"""The numbers at the end: each is measured now, and each says what it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.vault.demo.stage import BILLING, PARTNER, RUNNER_TOKEN_S, Stage
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

DEATHS = {BILLING: 2, PARTNER: 1}
"""How many old credentials each secret leaves behind: the secret id is replaced twice."""


def verdict(
    here: Stage,
    screen: Screen,
    tallies: Mapping[str, Tally],
    events: Sequence[Mapping[str, Any]],
    measured: Measured,
) -> int:
    """Print every number; 0 if all are good."""
    (here.captured / "screen").write_text("\n".join(screen.said))
    values = [value for known in here.values.values() for value in known]
    numbers = [
        *uses(tallies.values(), tallies[BILLING], measured),
        takeover(measured),
        _deaths(here, events),
        _orphans(here),
        _locked(here),
        _tokens(here),
        secret_bytes(here, values, also=", Vault's log and audit log"),
        end_of_the_runner(measured),
    ]
    return tell(
        screen,
        numbers,
        ("rotation demo", "the same on strict AWS"),
        ("rotation init", "writes a commented rotation.yaml"),
        ("rotation --help", "all verbs"),
        ("make sim", "the same machine under thousands of crashes and faults"),
    )


def _deaths(here: Stage, events: Sequence[Mapping[str, Any]]) -> Number:
    """The runner's own proof, and every old one is tried once more, a good login right behind."""
    grades = [event["grade"] for event in events if event["event"] == "rotation.death-proved"]
    *dead_ids, current = here.values[BILLING]
    *dead_tokens, _ = here.values[PARTNER]
    alive = [here.lets_in(value) or not here.lets_in(current) for value in dead_ids]
    alive += [here.toy.accepts(PARTNER, value) for value in dead_tokens]
    proved, expected = grades.count("proved"), sum(DEATHS.values())
    return Number(
        "old credentials dead",
        f"{alive.count(False)} of {len(alive)}, {proved} proved by refused logins; tried again now",
        len(alive) == proved == expected and not any(alive),
    )


def _orphans(here: Stage) -> Number:
    """Asked of Vault and of the service, not of the journal."""
    accessors, staged, accepted = here.accessors(), here.staged(), here.toy.count(PARTNER)
    orphans = len(accessors) - 1 + len(staged) + accepted - 1
    return Number(
        "orphans",
        f"{orphans}: Vault lists {len(accessors)} secret id of the role and {len(staged)} staged "
        f"values, the service accepts {accepted}",
        (len(accessors), len(staged), accepted) == (1, 0, 1),
    )


def _locked(here: Stage) -> Number:
    locked = here.locked()
    return Number("locked roles", f"{locked}, by Vault's own list", locked == 0)


def _tokens(here: Stage) -> Number:
    left, of_the_killed = here.tokens_left()
    return Number(
        "tokens left",
        f"{left} of runners, commands and applications; {of_the_killed} of the killed runner, "
        f"whose login ended with its {RUNNER_TOKEN_S} s",
        left == of_the_killed == 0,
    )
