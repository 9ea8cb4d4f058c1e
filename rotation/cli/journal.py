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
from rotation.cli.session import open_session
from rotation.operations.journal import (
    NEWER,
    Checked,
    back_up,
    checked,
    exported,
    repaired,
    restored,
    upgraded,
)
from rotation.operations.sealing import reach, seal_anew

if TYPE_CHECKING:
    from rotation.journal.seal import Fault

journal = verb_group(
    "journal",
    "Check, repair, back up, restore, export or upgrade the journal.",
    "journal check",
    "journal backup /backups/rotation-monday.db",
)


@journal.add("check", "journal check", "journal check -o json")
def check() -> int:
    """Read every entry, follow the chain of hashes, and derive every row anew. Changes nothing."""
    with open_session(effectful=False) as session:
        found = checked(session)
    code = LOCKED if found.findings else OK
    if settings().output == "json":
        listed = [
            {"code": f.code, "stream": f.stream, "seq": f.seq, "message": f.message}
            for f in found.findings
        ]
        document = {"whole": not listed, "proof": found.proof, "findings": listed}
        as_json("journal-check", {**document, "next": found.way_out})
        return code
    for each in found.findings:
        where = f"{each.stream} {each.seq or ''}".strip()
        result(plain(f"{where}: {each.message} [{each.code}]"))
    result(plain(found.proof))
    result(_verdict(found))
    if found.way_out is not None:
        note(f"next: {found.way_out}")
    return code


def _verdict(found: Checked) -> str:
    codes = {each.code for each in found.findings}
    if codes == {NEWER}:
        return "a newer version of rotation wrote to the journal: this one cannot check it"
    return "the journal is damaged" if codes else "the journal is whole"


@journal.add("repair", "journal repair")
def repair() -> None:
    """Derive anew the rows that do not follow from their entries. Changes no entry.

    Where entries are missing or were changed, too, nothing is: `journal check` says so.
    """
    with open_session(effectful=True) as session:
        streams = repaired(session)
    text = f"rows written anew: {', '.join(streams)}" if streams else "nothing to repair"
    done("journal-repair", text, repaired=streams, next="rotation journal check")
    note("next: rotation journal check")


@journal.add("backup", "journal backup /backups/rotation-monday.db")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Copy the journal into a new file, beside a live `serve`. There is no secret in it."""
    with open_session(effectful=False) as session:
        back_up(session, file)
    done("journal-backup", f"copied to {file}", file=str(file))


@journal.add("restore", "journal restore /backups/rotation-monday.db")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@yes_option
def restore(file: Path, *, yes: bool) -> None:
    """Put a backup in the journal's place.

    What happened since the backup is unknown to it: the secrets that were rotated meanwhile are
    Held until a person decides. Refused while a runner is alive.
    """
    with open_session(effectful=True) as session:
        confirm(f"Put {file} in the place of {session.configuration.journal}?", yes=yes)
        aside = restored(session, file)
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
    with open_session(effectful=False) as session:
        for line in exported(session):
            sys.stdout.write(escaped(line) + "\n")


@journal.add("upgrade", "journal upgrade")
def upgrade() -> None:
    """Bring an older journal to this version's schema, after a copy of it."""
    with open_session(effectful=True) as session:
        had, has = upgraded(session)
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
        accepted = seal_anew(session, _AtTerminal(yes=yes), accept=accept)
        proof = reach(session)
    if accepted is None:
        done("journal-seal", f"nothing to do: {proof}", sealed=[])
    else:
        done("journal-seal", proof, accepted=accepted)


class _AtTerminal:
    def __init__(self, *, yes: bool) -> None:
        self._yes = yes

    def sees(self, faults: "Sequence[Fault]") -> None:
        for fault in faults:
            note(plain(str(fault)))

    def begins(self) -> None:
        confirm("Seal the journal as it is, from now on?", yes=self._yes)

    def accepts(self) -> None:
        confirm("Take what no seal proves as it is?", yes=self._yes)
