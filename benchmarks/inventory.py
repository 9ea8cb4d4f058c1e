"""`plan` and `status` over many secrets: their time and memory, and how both grow."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fleet import ACCOUNT, INSTALLATION, Times, specification
from benchmarks.processes import rotation, spend
from benchmarks.report import Figure
from rotation.config import stream_of
from rotation.execution.runner import Runner
from rotation.journal.entries import stamp
from rotation.journal.sql import SqlJournal, open_journal
from rotation.plan import PLANS
from rotation.runtime.clock import SystemClock
from tests.support.simulator import SimulatedClock, bound
from tests.support.world import World

VERBS = ("plan", "status")
TEAMS = 100
YAML, LINES = 10_000, (25_000, 50_000, 100_000)
LIMITS, GROWTH = {YAML: (2.0, 100.0), max(LINES): (6.0, 300.0)}, 1.2
"""Seconds and megabytes, by the number of secrets."""
QUICK = 10

REGION = "eu-central-1"
OPEN_EVERY, DUE_EVERY = 100, 50
"""One of so many secrets has an open rotation, and one is due."""


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """In quick mode over a tenth of the secrets."""
    directory.mkdir(mode=0o700)
    scale = QUICK if quick else 1
    many = Installation(directory / "yaml")
    many.grow(YAML // scale, in_yaml=True)
    for verb in VERBS:
        yield from many.spend(verb)
    many.write_for_teams(YAML // scale)
    for verb in VERBS:
        yield from many.spend(verb)
    most, sizes = Installation(directory / "lines"), [size // scale for size in LINES]
    spent: dict[str, list[float]] = {verb: [] for verb in VERBS}
    for size in sizes:
        most.grow(size, in_yaml=False)
        for verb in VERBS:
            seconds, memory = most.spend(verb)
            assert seconds.measured is not None
            spent[verb].append(seconds.measured)
            yield from (seconds, memory)
    for verb, taken in spent.items():
        growth = (taken[-1] / taken[0]) / (sizes[-1] / sizes[0])
        note = f"per secret, {sizes[-1]:,} against {sizes[0]:,}"
        yield Figure(f"growth of {verb}", growth, "x", None if quick else GROWTH, note)


@dataclass
class Installation:
    """A configuration, and the journal that knows each of its secrets."""

    directory: Path
    size: int = 0
    form: str = ""

    @property
    def path(self) -> Path:
        return self.directory / "rotation.yaml"

    @property
    def journal(self) -> Path:
        return self.directory / "journal.db"

    def grow(self, size: int, *, in_yaml: bool) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        _fill(self.journal, range(self.size, size))
        self.write(size, in_yaml=in_yaml)

    def write(self, size: int, *, in_yaml: bool) -> None:
        """The configuration alone."""
        self.size, self.form = size, "YAML" if in_yaml else "JSONL"
        head: dict[str, Any] = {
            "installation": INSTALLATION,
            "journal": "journal.db",
            "connections": {"main": {"type": "aws", "account": ACCOUNT, "region": REGION}},
        }
        secrets = map(_secret, range(size))
        if in_yaml:
            head["secrets"] = list(secrets)
        else:
            head["inventory"] = ["inventory.jsonl"]
            with _private(self.directory / "inventory.jsonl").open("w") as lines:
                lines.writelines(json.dumps(secret) + "\n" for secret in secrets)
        text = yaml.dump(head, Dumper=yaml.CSafeDumper, sort_keys=False)
        _private(self.path).write_text(text)

    def write_for_teams(self, size: int) -> None:
        """The same secrets in a file for each team, which may name its own only."""
        self.write(0, in_yaml=True)
        self.size, self.form = size, f"{TEAMS} included files"
        secrets, includes = [_secret(number) for number in range(size)], []
        for team in range(TEAMS):
            own = secrets[team::TEAMS]
            file = _private(self.directory / f"team-{team}.yaml")
            file.write_text(yaml.dump({"secrets": own}, Dumper=yaml.CSafeDumper, sort_keys=False))
            names = [secret["id"] for secret in own]
            stored = [f"aws-secrets-manager/{ACCOUNT}/{REGION}/prod/{name}" for name in names]
            issued = [f"aws-iam/{ACCOUNT}/{name}" for name in names]
            may = {"names": names, "stored": stored, "issued": issued, "connections": ["main"]}
            includes.append({"files": file.name, "owner": f"team-{team}", "may": may})
        text = yaml.dump({"include": includes}, Dumper=yaml.CSafeDumper, sort_keys=False)
        with self.path.open("a") as main:
            main.write(text)

    def spend(self, verb: str) -> tuple[Figure, Figure]:
        """Its seconds and its memory."""
        spent = spend(rotation("-c", str(self.path), verb))
        if spent.code != 0:
            raise RuntimeError(f"`rotation {verb}` over {self.size} secrets ended: {spent.code}")
        note = f"{spent.cpu:.2f} s of the processor"
        named = f"{verb}, {self.size:,} in {self.form}"
        seconds, megabytes = LIMITS.get(self.size, (None, None))
        return (
            Figure(named, spent.seconds, "s", seconds, note),
            Figure(f"{named}: memory", spent.megabytes, "MB", megabytes),
        )


def _private(path: Path) -> Path:
    path.touch(mode=0o600)
    return path


def _secret(number: int) -> dict[str, Any]:
    name = f"service-{number}"
    return {
        "id": name,
        "application": name,
        "environment": "production",
        "owner": f"team-{number % TEAMS}",
        "store": {"type": "aws-secrets-manager", "connection": "main", "name": f"prod/{name}"},
        "issuer": {"type": "aws-iam-access-key", "connection": "main", "user": name},
        "fields": {"access_key_id": "id", "secret_access_key": "secret"},
        "probe": {"type": "aws-sts", "connection": "main"},
        "consumers": [{"id": name, "type": "store-reader", "refresh": "5m"}],
    }


# --------------------------------------------------------------------------------- its journal

CLOSED, OPEN = "closed", "open"


def _fill(path: Path, numbers: range) -> None:
    """Two streams are real: adopted, and adopted with a rotation that waits. The others are their
    copies under their own names and dates."""
    if not path.exists():
        with open_journal(path, INSTALLATION) as journal:
            live_through(journal, CLOSED, "adopt", grace=7200)
            live_through(journal, OPEN, "adopt", "routine", grace=7200)
    copy(path, [_own(number) for number in numbers])


def copy(path: Path, own: Sequence[dict[str, Any]]) -> None:
    """Streams like their templates, but for what is their own."""
    with closing(sqlite3.connect(path)) as file, file:
        for table in ("entry", "identity"):
            columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
            copied = ", ".join(f":{name}" if name in own[0] else f'"{name}"' for name in columns)
            file.executemany(
                f"INSERT INTO {table} SELECT {copied} FROM {table} WHERE stream = :template",  # noqa: S608 -- of two
                own,
            )


def _own(number: int) -> dict[str, Any]:
    template = OPEN if number % OPEN_EVERY == 0 else CLOSED
    return named(number, template, days=85 if number % DUE_EVERY == 1 else number % 60)


def named(number: int, template: str, *, days: int) -> dict[str, Any]:
    """days: how old its credential is."""
    name = f"service-{number}"
    identity = f"aws-iam/{ACCOUNT}/{name}"
    return {
        "template": template,
        "stream": stream_of("aws-iam-access-key", identity),
        "identity": identity,
        "secret": name,
        "created": stamp(SystemClock().now() - timedelta(days=days)),
    }


def live_through(journal: SqlJournal, name: str, *plans: str, grace: int) -> None:
    world = World(lag=timedelta(), call_time=timedelta())
    world.seed()
    runner = Runner(
        journal=journal, bind=lambda spec: bound(world), clock=SimulatedClock(world), id="benchmark"
    )
    for plan in plans:
        spec = specification(name, times=Times(grace=grace))
        runner.open(name, PLANS[plan], spec, trigger="benchmark")
        runner.advance(name)
