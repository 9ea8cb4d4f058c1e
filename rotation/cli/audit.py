"""`audit`: proves the journal to somebody who does not trust this host."""

from pathlib import Path

import click

from rotation.audit.keys import new_key, read_private, read_public
from rotation.audit.verification import Verdict
from rotation.cli.app import settings, verb_group
from rotation.cli.failures import GENERIC, OK
from rotation.cli.output import as_json, done, note, plain, result, verbatim
from rotation.cli.session import open_session
from rotation.errors import UnknownName, UsageError
from rotation.journal.entries import stamp
from rotation.operations.checkpoints import checkpoint, made, verified

FILE = click.Path(path_type=Path, dir_okay=False)

audit = verb_group(
    "audit",
    "Prove the journal to somebody who does not trust this host.\n\n"
    "A checkpoint is one signed line that stands for everything in the journal at that moment. Keep the "
    "lines where this host cannot rewrite them; then `audit verify` finds whatever was changed, "
    "swapped, taken out or cut off since.",
    "audit key /etc/rotation/audit.pem",
    "audit checkpoint --key /etc/rotation/audit.pem | ssh keeper 'cat >> checkpoints'",
    "audit verify --key audit.pem.pub --checkpoints checkpoints --journal journal.db",
)


@audit.add("key", "audit key /etc/rotation/audit.pem")
@click.argument("file", type=FILE)
def _key(file: Path) -> int:
    """Make a key for checkpoints, with its public key beside it.

    FILE is the private one, an Ed25519 key that only you may read; FILE.pub goes to whoever verifies.
    """
    key = new_key(file)
    beside = file.with_name(f"{file.name}.pub")
    beside.write_text(key.public.pem)
    done("audit-key", f"{file} signs, {beside} verifies; key {key.id}", file=str(file), key=key.id)
    return OK


@audit.add(
    "checkpoint", "audit checkpoint --key /etc/rotation/audit.pem",
    "audit checkpoint --key /etc/rotation/audit.pem --again 41",
)  # fmt: skip
@click.option("--key", type=FILE, required=True, help="The private key.")
@click.option(
    "--again", type=click.IntRange(1), metavar="N", help="Only print those from N on, as they were."
)
def _checkpoint(key: Path, again: int | None) -> int:
    """Sign what stands in the journal now, and print it as one line.

    From cron, or after each `run`. Prints nothing where nothing moved since the latest one. Each line is
    in the journal too: where it did not arrive, --again prints it once more.
    """
    with open_session(effectful=again is None) as session:
        if again is not None:
            lines = [each.line for each in made(session) if each.number >= again]
            if not lines:
                raise UnknownName(
                    "audit.no-checkpoint", f"there is no checkpoint {again} yet", "audit checkpoint"
                )
        else:
            found = checkpoint(session, read_private(key))
            lines = [] if found is None else [found.line]
            if found is None:
                note("nothing moved since the latest checkpoint")
    for line in lines:
        verbatim(line)
    return OK


@audit.add(
    "verify", "audit verify --key audit.pem.pub --checkpoints checkpoints --journal journal.db",
    "audit verify --key audit.pem.pub --checkpoints checkpoints --export journal.jsonl -o json",
)  # fmt: skip
@click.option("--key", "keys", type=FILE, required=True, multiple=True, help="A public key.")
@click.option("--checkpoints", type=FILE, required=True, help="The lines that were kept.")
@click.option("--journal", type=FILE, help="The journal, or a backup of it.")
@click.option("--export", type=FILE, help="What `rotation journal export` wrote, instead.")
def _verify(
    keys: tuple[Path, ...], checkpoints: Path, journal: Path | None, export: Path | None
) -> int:
    """Find what was changed, swapped, taken out or cut off.

    Needs no configuration and no private key, so it runs on any machine. Entries that are later than the
    latest checkpoint are only chained, and are counted apart. Exit 1 where anything is wrong.
    """
    if (journal is None) == (export is None):
        raise UsageError(
            "cli.usage", "give either --journal or --export; nothing was looked at",
            "`rotation audit verify --help` shows how",
        )  # fmt: skip
    public = [read_public(key) for key in keys]
    found = verified(checkpoints, public, export=export, journal=journal)
    if settings().output == "json":
        as_json("audit", _json(found))
    else:
        _print(found)
    return OK if found.is_whole else GENERIC


def _json(found: Verdict) -> dict[str, object]:
    latest = found.latest
    return {
        "whole": found.is_whole,
        "checkpoints": found.checkpoints,
        "latest": None if latest is None else latest.number,
        "latest_at": None if latest is None else stamp(latest.at),
        "anchored": found.anchored,
        "unanchored": sum(found.unanchored.values()),
        "findings": [
            {"code": each.code, "stream": each.stream, "seq": each.seq, "message": each.message}
            for each in found.faults
        ],
    }


def _print(found: Verdict) -> None:
    for each in found.faults:
        where = f"{each.stream}{'' if each.seq is None else f', entry {each.seq}'}: "
        result(plain(f"{where if each.stream else ''}{each.message} [{each.code}]"))
    if found.latest is None:
        result("no checkpoint could be read, so nothing is anchored")
        return
    result(
        f"{found.checkpoints} checkpoints, the latest is {found.latest.number} of "
        f"{found.latest.at:%Y-%m-%d %H:%M:%S} UTC"
    )
    later = sum(found.unanchored.values())
    result(f"{found.anchored} entries are anchored; {later} are later, and only chained")
    if not found.is_whole:
        result(
            "next: keep this journal and the checkpoints as they are, and find out who could write both"
        )
