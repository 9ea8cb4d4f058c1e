"""What is asked of a journal as a whole."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rotation.errors import JournalError, UsageError
from rotation.journal.chain import is_open
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.operations.sealing import opened_for_proof, reach

if TYPE_CHECKING:
    from rotation.journal.upkeep import Finding

NEWER = "journal.newer-schema"
_SEAL = "journal.seal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """findings: empty for a whole journal. proof: how much of it its seals prove. way_out: what
    repairs it."""

    findings: "Sequence[Finding]"
    proof: str
    way_out: str | None


def checked(here: Installation) -> Checked:
    """Changes nothing."""
    from rotation.journal import upkeep  # noqa: PLC0415 -- brings the database along

    configuration = here.configuration
    found = upkeep.check(configuration.journal, configuration.installation, here.seals)
    findings = (*found, *_not_replayed(here, {each.stream for each in found}))
    return Checked(findings=findings, proof=_proof(here), way_out=way_out(findings))


def _not_replayed(here: Installation, known: Collection[str]) -> "Iterator[Finding]":
    """Open rotations that no runner could go on with, beside the streams that are `known` to be
    damaged."""
    from rotation.journal.upkeep import Finding  # noqa: PLC0415

    records = here.records
    for stream in set(records.streams()).difference(known):
        entries = records.entries(stream)
        try:
            if is_open(entries):
                replay(entries)
        except JournalError as error:
            yield Finding(error.code, stream, entries[-1].seq, error.message)


def _proof(here: Installation) -> str:
    try:
        return reach(here)
    except JournalError as error:
        return f"whether it was sealed is not known: {error.message}"


def way_out(findings: "Sequence[Finding]") -> str | None:
    """The mildest that helps: rows are derived where the entries of their stream are whole."""
    from rotation.journal.upkeep import WRONG_ROW  # noqa: PLC0415

    codes = defaultdict(set)
    for found in findings:
        codes[found.stream].add(found.code)
    damaged = [found - {_SEAL} for found in codes.values() if found - {_SEAL}]
    if not damaged:
        return "rotation journal seal" if codes else None
    if any(found <= WRONG_ROW for found in damaged):
        return "rotation journal repair"
    if all(found == {NEWER} for found in damaged):
        return "install the newer version of rotation again"
    return "rotation journal restore FILE"


def repaired(here: Installation) -> list[str]:
    """The streams whose row did not follow from their entries, and does now."""
    from rotation.journal import upkeep  # noqa: PLC0415

    with opened_for_proof(here, read_only=False) as own:
        return list(upkeep.repair(own))


def back_up(here: Installation, file: Path) -> None:
    """Into a new file, beside a live writer."""
    from rotation.journal import upkeep  # noqa: PLC0415

    if file.exists():
        raise UsageError("cli.exists", f"{file} exists; nothing was written", "name a new file")
    if not file.absolute().parent.is_dir():
        raise UsageError(
            "cli.no-directory",
            f"there is no directory {file.absolute().parent} to write into; nothing was written",
            "make it, or name another file",
        )
    upkeep.backup(here.configuration.journal, here.configuration.installation, file)


def restored(here: Installation, file: Path) -> Path | None:
    """Where the journal is that the backup took the place of, if there was one."""
    from rotation.journal import upkeep  # noqa: PLC0415
    from rotation.journal.liveness import new_runner_id  # noqa: PLC0415

    configuration = here.configuration
    return upkeep.restore(
        configuration.journal, configuration.installation, file,
        runner=new_runner_id(), who=here.who, now=here.clock.now(), seals=here.seals,
    )  # fmt: skip


def exported(here: Installation) -> Iterator[str]:
    from rotation.journal import upkeep  # noqa: PLC0415

    return upkeep.export(here.journal)


def upgraded(here: Installation) -> tuple[int, int]:
    """The schema that it had, and the one it has."""
    from rotation.journal import upkeep  # noqa: PLC0415

    return upkeep.upgrade(here.configuration.journal, here.configuration.installation)
