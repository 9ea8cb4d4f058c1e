"""`journal`: check, repair, back up, restore, export and upgrade it as a whole."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotation.cli.app import settings, verb_group
from rotation.cli.failures import LOCKED, OK
from rotation.cli.options import yes_option
from rotation.cli.output import as_json, done, escaped, note, plain, result
from rotation.cli.prompts import confirm
from rotation.cli.sealing import seal_anew
from rotation.cli.session import Session, open_session
from rotation.errors import JournalError, UsageError
from rotation.operations.sealing import opened_for_proof, reach

if TYPE_CHECKING:
    from rotation.journal.upkeep import Finding

journal = verb_group(
    "journal",
    "Check, repair, back up, restore, export or upgrade the journal.",
    "journal check",
    "journal backup /backups/rotation-monday.db",
)


@journal.add("check", "journal check", "journal check -o json")
def check() -> int:
    """Read every entry, follow the chain of hashes, and derive every row anew. Changes nothing."""
    from rotation.journal import upkeep  # noqa: PLC0415 -- brings the database along

    with open_session(effectful=False) as session:
        configuration = session.configuration
        findings = upkeep.check(configuration.journal, configuration.installation, session.seals)
        proof, way_out = _reach(session), _way_out(findings)
        if settings().output == "json":
            told = [
                {"code": f.code, "stream": f.stream, "seq": f.seq, "message": f.message}
                for f in findings
            ]
            document = {"whole": not findings, "proof": proof, "findings": told}
            as_json("journal-check", {**document, "next": way_out})
            return LOCKED if findings else OK
        for found in findings:
            where = f"{found.stream} {found.seq or ''}".strip()
            result(plain(f"{where}: {found.message} [{found.code}]"))
        result(plain(proof))
        result("the journal is damaged" if findings else "the journal is whole")
        if way_out is not None:
            note(f"next: {way_out}")
        return LOCKED if findings else OK


def _way_out(findings: "Sequence[Finding]") -> str | None:
    """The mildest that can help: rows are derived, entries are not."""
    from rotation.journal.upkeep import WRONG_ROW  # noqa: PLC0415

    codes = {found.code for found in findings}
    if not codes:
        return None
    if codes & WRONG_ROW:
        return "rotation journal repair"
    return "rotation journal seal" if codes == {"journal.seal"} else "rotation journal restore FILE"


def _reach(session: Session) -> str:
    try:
        return reach(session)
    except JournalError as error:
        return f"whether it was sealed is not known: {error.message}"


@journal.add("repair", "journal repair")
def repair() -> None:
    """Derive anew the rows that do not follow from their entries. Changes no entry.

    Where entries are missing or were changed, too, nothing is: `journal check` says so.
    """
    from rotation.journal import upkeep  # noqa: PLC0415

    with open_session(effectful=True) as session, opened_for_proof(session, read_only=False) as own:
        repaired = list(upkeep.repair(own))
        text = f"rows written anew: {', '.join(repaired)}" if repaired else "nothing to repair"
        done("journal-repair", text, repaired=repaired, next="rotation journal check")
        note("next: rotation journal check")


@journal.add("backup", "journal backup /backups/rotation-monday.db")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Copy the journal into a new file, beside a live `serve`. There is no secret in it."""
    from rotation.journal import upkeep  # noqa: PLC0415

    if file.exists():
        raise UsageError("cli.exists", f"{file} exists; nothing was written", "name a new file")
    if not file.absolute().parent.is_dir():
        raise UsageError(
            "cli.no-directory",
            f"there is no directory {file.absolute().parent} to write into; nothing was written",
            "make it, or name another file",
        )
    with open_session(effectful=False) as session:
        configuration = session.configuration
        upkeep.backup(configuration.journal, configuration.installation, file)
        done("journal-backup", f"copied to {file}", file=str(file))


@journal.add("restore", "journal restore /backups/rotation-monday.db")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@yes_option
def restore(file: Path, *, yes: bool) -> None:
    """Put a backup in the journal's place.

    What happened since the backup is unknown to it: the secrets that were rotated meanwhile are
    Held until a person decides. Refused while a runner is alive.
    """
    from rotation.journal import upkeep  # noqa: PLC0415
    from rotation.journal.liveness import new_runner_id  # noqa: PLC0415

    with open_session(effectful=True) as session:
        configuration = session.configuration
        confirm(f"Put {file} in the place of {configuration.journal}?", yes=yes)
        aside = upkeep.restore(
            configuration.journal, configuration.installation, file,
            runner=new_runner_id(), who=session.who, now=session.clock.now(), seals=session.seals,
        )  # fmt: skip
        text = "restored" + (f"; the former one is {aside}" if aside else "")
        kept = str(aside) if aside else None
        done("journal-restore", text, file=str(file), former=kept, next="rotation reconcile")
        note("next: rotation reconcile")


@journal.add("export", "journal export > audit.jsonl")
def export() -> None:
    """Print every entry as a line of JSON, oldest first. Each carries the hash of the one before.

    The hash of an entry is the SHA-256 of its line without the hash, and with the characters that are
    escaped there, because they steer terminals, as themselves.
    """
    from rotation.journal import upkeep  # noqa: PLC0415

    with open_session(effectful=False) as session:
        for line in upkeep.export(session.journal):
            sys.stdout.write(escaped(line) + "\n")


@journal.add("upgrade", "journal upgrade")
def upgrade() -> None:
    """Bring an older journal to this version's schema, after a copy of it."""
    from rotation.journal import upkeep  # noqa: PLC0415

    with open_session(effectful=True) as session:
        configuration = session.configuration
        had, has = upkeep.upgrade(configuration.journal, configuration.installation)
        text = f"schema {has} already" if had == has else f"schema {had} is now {has}"
        done("journal-upgrade", text, had=had, has=has)


@journal.add("seal", "journal seal", "journal seal --accept")
@click.option("--accept", is_flag=True, help="What no seal proves is as it should be: you looked.")
@yes_option
def seal(*, accept: bool, yes: bool) -> None:
    """Seal the journal under `seal_key`, from now on.

    A change of its file by anything but a runner with the key is then found, when the journal is
    opened and before each rotation: nothing new begins, and an emergency still contains. Where a seal
    is broken it says which, and --accept seals what is there. Who did so is recorded.
    """
    with open_session(effectful=True) as session:
        seal_anew(session, accept=accept, yes=yes)
