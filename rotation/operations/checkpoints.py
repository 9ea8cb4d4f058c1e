"""Signs checkpoints of the journal, and looks whether a journal is the one that they were made of."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from rotation.audit.checkpoint import Checkpoint, End, Signer, moved, read, signed
from rotation.audit.keys import PublicKey
from rotation.audit.verification import Verdict, verify
from rotation.errors import JournalError, UsageError
from rotation.journal.entries import INSTALLATION, Draft, Entry, Kind
from rotation.journal.installation_facts import Anchored
from rotation.journal.upkeep import exported
from rotation.operations.installation import Installation


def made(here: Installation) -> list[Checkpoint]:
    """All that this journal knows of, in their order."""
    lines = (Anchored.of(e.facts).line for e in here.records.installation_entries(Kind.CHECKPOINT))
    found = [read(line or "") for line in lines]
    if None in found:
        raise JournalError(
            "journal.corrupt",
            "a checkpoint of the journal cannot be read",
            "rotation journal check",
        )
    return [each for each in found if each is not None]


def checkpoint(here: Installation, signer: Signer) -> Checkpoint | None:
    """Signs the ends of all streams that moved since the latest one, and records it. None where
    nothing moved but that record."""
    before = made(here)
    ends = {row.stream: End(row.seq, row.hash) for row in here.journal.identities()}
    own = here.journal.installation_entries()
    if own:
        ends[INSTALLATION] = End(own[-1].seq, own[-1].hash)
    news = moved(before, ends)
    recorded = bool(own) and own[-1].kind is Kind.CHECKPOINT
    if not news.keys() - ({INSTALLATION} if recorded else set()):
        return None
    now, installation = here.clock.now(), here.configuration.installation
    latest = before[-1] if before else None
    found = signed(installation, latest, news, now, signer)
    facts = Anchored(number=found.number, line=found.line).facts
    here.journal.record(Draft(kind=Kind.CHECKPOINT, who=here.who, facts=facts), here.runner.id, now)
    return found


def verified(
    checkpoints: Path, keys: Iterable[PublicKey], *, export: Path | None, journal: Path | None
) -> Verdict:
    """Of a journal, or of what `journal export` wrote of it; needs neither a configuration nor the
    private key. Raises UsageError for a file that cannot be read."""
    lines = _lines(checkpoints)
    if export is not None:
        return verify(lines, _by_stream(_lines(export)), keys)
    assert journal is not None
    from rotation.journal.sql import journal_for_looks  # noqa: PLC0415

    installation = next((each.installation for line in lines if (each := read(line))), "")
    kept = journal_for_looks(journal, installation)
    streams = ((name, kept.history(name)) for name in (INSTALLATION, *kept.streams()))
    return verify(lines, streams, keys)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(
            "audit.unreadable", f"{path} cannot be read: {error.strerror}", "name another file"
        ) from None


def _by_stream(lines: Iterable[str]) -> Iterator[tuple[str, Iterator[Entry]]]:
    entries = (exported(line) for line in lines)
    return groupby(entries, key=lambda entry: entry.stream)
