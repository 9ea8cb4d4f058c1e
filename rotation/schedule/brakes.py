"""What stops every secret: a freeze, read-only, a journal that is behind the world."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rotation.errors import PolicyRefusal
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.installation_facts import Frozen
from rotation.journal.record import Flag
from rotation.runtime.ownership import ordinary

if TYPE_CHECKING:
    from rotation.config import Configuration
    from rotation.journal import Journal

# So many secrets of one connection that show a journal that is behind make the installation
# read-only.
BEHIND_MIN = 3

REASON_BYTES_MAX = 16 * 1024


class Installation(Protocol):
    """The part of a journal that shows what stops everything."""

    def installation_entries(self, *kinds: Kind) -> tuple[Entry, ...]: ...


def refuse_stopped(stopped: Iterable[PolicyRefusal]) -> None:
    for stop in stopped:
        raise stop


def stops(configuration: "Configuration", journal: Installation) -> Iterator[PolicyRefusal]:
    """Everything that stops every secret now."""
    yield from read_only_stop(journal)
    beside = freeze_file(configuration)
    reason = frozen_by(journal, beside)
    if reason is not None:
        lift = "rotation freeze --all --lift" if lexists(beside) else "rotation freeze --lift"
        yield PolicyRefusal(
            "installation.frozen",
            f"frozen: {reason}; nothing is promoted, switched off or destroyed",
            f"`{lift}`, once it may",
        )


def read_only_stop(journal: Installation) -> Iterator[PolicyRefusal]:
    reason = read_only(journal)
    if reason is not None:
        yield PolicyRefusal(
            "installation.read-only",
            f"read-only: {reason}; nothing is opened or changed",
            "`rotation reconcile`",
        )


def stop_if_behind(
    configuration: "Configuration", journal: "Journal", runner: str, now: datetime
) -> None:
    """Makes the installation read-only where many secrets of one connection have marked versions
    that the journal does not know. Then the journal is lost or old, and wrong about other secrets
    too."""
    latest = _latest(journal, Frozen.read_only)
    if latest is not None and Frozen.of(latest.facts).read_only:
        return
    behind: Counter[str] = Counter()
    for row in journal.held_for("held.journal-behind"):
        entry = configuration.secret(row.secret)
        accepted = latest is not None and row.held_at is not None and row.held_at <= latest.at
        if entry is not None and not accepted:
            behind[entry.connection] += 1
    for connection, count in behind.items():
        if count >= BEHIND_MIN:
            reason = (
                f"{count} secrets of {connection} carry versions that this journal does not know"
            )
            facts = Frozen(read_only=True, reason=reason).facts
            journal.record(Draft(kind=Kind.FROZEN, facts=facts), runner, now)
            return


def freeze_file(configuration: "Configuration") -> Path:
    """The file beside the journal that is there while `freeze --all` holds."""
    return configuration.journal.with_name(configuration.journal.name + ".frozen")


def frozen_by(journal: Installation, beside: Path | None = None) -> str | None:
    """Why every window is closed; None while they are open. beside: the freeze file, which needs no
    journal; if it is there but cannot be read, also as a link that leads nowhere, windows are closed
    too."""
    if beside is not None and lexists(beside):
        try:
            with ordinary(beside) as file:
                return " ".join(file.read(REASON_BYTES_MAX).decode().split()) or "freeze --all"
        except (OSError, UnicodeDecodeError):
            return f"freeze --all, and why cannot be read from {beside}"
    return _reason(journal, Frozen.frozen)


def read_only(journal: Installation) -> str | None:
    """Why nothing but containment may have an effect, until a person runs `reconcile`."""
    return _reason(journal, Frozen.read_only)


def _reason(journal: Installation, stop: Flag) -> str | None:
    latest = _latest(journal, stop)
    if latest is None or not stop.read(latest.facts[stop.name]):
        return None
    return str(Frozen.of(latest.facts).reason)


def _latest(journal: Installation, stop: Flag) -> Entry | None:
    entries = journal.installation_entries(Kind.FROZEN)
    return next((entry for entry in reversed(entries) if stop.name in entry.facts), None)
