"""A journal's streams, and what somebody who can write its file may do to them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rotation.audit.checkpoint import Checkpoint, End, Signer, moved, signed
from rotation.journal.chain import link
from rotation.journal.entries import GENESIS, INSTALLATION, Draft, Entry, Kind, RowKey, entry_hash

NOW = datetime(2026, 12, 1, tzinfo=UTC)
Streams = dict[str, list[Entry]]


def streams(count: int, length: int) -> Streams:
    """So many secrets, each with so many entries, and the installation's own."""
    found: Streams = {INSTALLATION: list(_linked(INSTALLATION, [Draft(kind=Kind.CREATED)]))}
    for number in range(count):
        name = f"aws-iam-{number:05}"
        rest = [
            Draft(kind=Kind.DONE, row=RowKey(n, "verify", "-", 0), facts={"logins": n})
            for n in range(1, length)
        ]
        opened = Draft(kind=Kind.OPENED, facts={"plan": "routine", "secret": name})
        found[name] = list(_linked(name, [opened, *rest]))
    return found


def _linked(name: str, drafts: Sequence[Draft]) -> Sequence[Entry]:
    return link([], name, drafts, epoch=1, runner="one", now=NOW)


def ends(of: Streams) -> dict[str, End]:
    return {name: End(entries[-1].seq, entries[-1].hash) for name, entries in of.items()}


def checkpoints(of: Streams, signer: Signer, parts: int = 3) -> list[Checkpoint]:
    """Made while the streams grew, each with what had moved."""
    made: list[Checkpoint] = []
    for part in range(1, parts + 1):
        grown = {name: each[: max(1, len(each) * part // parts)] for name, each in of.items()}
        before = made[-1] if made else None
        at = NOW + timedelta(hours=part)
        made.append(signed("0123456789ab", before, moved(made, ends(grown)), at, signer))
    return made


Tamper = Callable[[list[Entry], int], list[Entry] | None]


def edited(entries: list[Entry], at: int) -> list[Entry]:
    forged = replace(entries[at], facts={**entries[at].facts, "forged": 1})
    return [*entries[:at], forged, *entries[at + 1 :]]


def swapped(entries: list[Entry], at: int) -> list[Entry] | None:
    if at + 1 == len(entries):
        return None
    return [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]


def deleted(entries: list[Entry], at: int) -> list[Entry]:
    return [*entries[:at], *entries[at + 1 :]]


def truncated(entries: list[Entry], at: int) -> list[Entry]:
    return entries[:at]


def rechained(entries: list[Entry], at: int) -> list[Entry]:
    """Forged by somebody who knows how hashes are made: every later entry follows from it."""
    return list(_again(edited(entries, at)))


def deleted_and_rechained(entries: list[Entry], at: int) -> list[Entry] | None:
    return list(_again(deleted(entries, at))) or None


def _again(entries: Sequence[Entry]) -> Iterator[Entry]:
    prev = GENESIS
    for seq, entry in enumerate(entries, 1):
        moved_up = replace(entry, seq=seq, prev=prev)
        prev = entry_hash(moved_up)
        yield replace(moved_up, hash=prev)


TAMPERED: dict[str, Tamper] = {
    "edited": edited,
    "swapped": swapped,
    "deleted": deleted,
    "truncated": truncated,
    "re-chained": rechained,
    "deleted and re-chained": deleted_and_rechained,
}
