"""`run`: everything that is due, safe at any frequency. `rotate`: the named ones, by hand."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import code_of, worst
from rotation.cli.opening import carry_out
from rotation.cli.options import here_option, known_names, names_argument, wait_option
from rotation.cli.replacing import open_replacement
from rotation.cli.say import complain, note
from rotation.cli.session import Session, open_session
from rotation.errors import AlreadyOpen, NeedsPerson, PolicyRefusal, RotationError
from rotation.opening import refuse_doubtful
from rotation.operations.opening import is_open, open_rotation
from rotation.operations.replacing import refuse_inactive
from rotation.plan import rules_of

if TYPE_CHECKING:
    from rotation.config import Entry


@verb(
    "run",
    "run",
    "run --only billing-iam --max 1",
    "run --plan friday.plan.json --wait",
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only that secret; may be repeated.",
    shell_complete=known_names,
)  # fmt: skip
@click.option("--max", "most", type=click.IntRange(min=1), help="Open at most this many.")
@click.option(
    "--plan", "saved", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Exactly what that saved plan says; refused if anything has changed since.",
)  # fmt: skip
@wait_option
@here_option
def run(
    *, only: tuple[str, ...], most: int | None, saved: Path | None, wait: bool, here: bool
) -> int:
    """Rotate everything that is due, as far as it goes now.

    Safe at any frequency, from cron or by hand: it opens what is due and inside its window, takes
    open rotations on from where they stand, and touches nothing else. Exit 11 where the journal
    does not know a secret that should rotate.
    """
    with open_session(effectful=True) as session:
        names = {session.entry(name).id for name in only}
        _stop_if_behind(session)
        unknown = _unknown(session, names)
        replacing = _replace_gone(session, names) if saved is None else []
        due, refused = _due(session) if saved is None else (_saved(session, saved), [])
        wanted = [entry for entry in due if not names or entry.id in names]
        failed = [*unknown, *replacing, *refused, *_open_all(session, islice(wanted, most))]
        streams = {
            row.stream: row.secret
            for row in session.journal.identities()
            if row.plan is not None and (not names or row.secret in names)
        }
        if not streams and not failed:
            note("nothing is due")
        width = session.configuration.concurrency
        advanced = carry_out(session, streams, wait=wait, here=here, width=width)
        _stop_if_behind(session)
        return worst([*failed, advanced] if streams or not failed else failed)


def _unknown(session: Session, names: Collection[str]) -> list[int]:
    from rotation.due import refuse_unknown  # noqa: PLC0415

    try:
        refuse_unknown(session.configuration, session.journal, names, session.clock.now())
    except NeedsPerson as unknown:
        complain(unknown, settings())
        return [code_of(unknown)]
    return []


def _stop_if_behind(session: Session) -> None:
    for stop in _stops_if_behind(session):
        note(f"{stop}; {stop.hint}")


def _stops_if_behind(session: Session) -> Iterable[PolicyRefusal]:
    """The next effect, here or in a live `serve`, waits for a person."""
    from rotation.due import read_only_stop, stop_if_behind  # noqa: PLC0415

    journal = session.journal
    stop_if_behind(session.configuration, journal, session.runner.id, session.clock.now())
    return read_only_stop(journal)


def _due(session: Session) -> tuple[Sequence["Entry"], list[int]]:
    """Where everything is stopped: none, and that it was refused. What is open goes on up to where
    it is stopped; a containment goes on whatever is."""
    from rotation.due import due_now  # noqa: PLC0415

    try:
        refuse_doubtful(session.journal)
        return due_now(session.configuration, session.journal, session.clock.now()), []
    except PolicyRefusal as stopped:
        complain(stopped, settings())
        return [], [code_of(stopped)]


def _saved(session: Session, saved: Path) -> Sequence["Entry"]:
    from rotation.due import refuse_stopped, stops  # noqa: PLC0415
    from rotation.operations.planning import load_plan  # noqa: PLC0415

    refuse_doubtful(session.journal)
    refuse_stopped(stops(session.configuration, session.journal))
    return load_plan(session, saved)


def _open_all(session: Session, entries: Iterable["Entry"]) -> list[int]:
    """One that cannot be opened is told, and the others go on."""
    codes = []
    for entry in entries:
        try:
            open_rotation(session, entry, "routine", trigger="run")
        except AlreadyOpen:
            continue
        except RotationError as error:
            complain(error, settings())
            codes.append(code_of(error))
    return codes


def _replace_gone(session: Session, names: set[str]) -> list[int]:
    """Of classes that are replaced by themselves; one that cannot be looked at is told."""
    from rotation.by_itself import gone  # noqa: PLC0415 -- only here

    codes: list[int] = []

    def failed(entry: "Entry", error: RotationError) -> None:
        note(f"{entry.id} could not be looked at")
        complain(error, settings())
        codes.append(code_of(error))

    configuration, now = session.configuration, session.clock.now()
    for each in gone(configuration, session.journal, session.bind, now, failed, names):
        note(f"{each.spec.secret}: {each.reason}")
        try:
            session.runner.open_replacement(
                each.stream, each.spec, trigger="run", reason=each.reason, seen=each.seen
            )
        except RotationError as error:
            complain(error, settings())
            codes.append(code_of(error))
    return codes


@verb(
    "rotate",
    "rotate billing-iam",
    "rotate billing-iam orders-db --wait",
    "rotate billing-iam --replace",
)
@names_argument
@click.option(
    "--replace",
    "replacing",
    is_flag=True,
    help="What readers get is dead: make a new one at once, without evidence of the old.",
)
@wait_option
@here_option
def rotate(names: tuple[str, ...], *, replacing: bool, wait: bool, here: bool) -> int:
    """Rotate the named secrets now, due or not.

    A rotation that is already open goes on. It waits 90 s in all; longer waits are left to
    `rotation run`, to a live `serve`, or to --wait.

    --replace is for a current credential that was deleted, switched off or refused, has ended, or
    whose bytes are lost. It looks first, also by a login, and refuses where the credential works.
    It supersedes a rotation that is held for this.
    """
    with open_session(effectful=True) as session:
        entries = [session.entry(name) for name in dict.fromkeys(names)]
        _refuse_read_only(session)
        for entry in entries:
            if replacing:
                open_replacement(session, entry)
            else:
                _open_by_hand(session, entry)
        width = session.configuration.concurrency
        streams = {entry.stream: entry.id for entry in entries}
        return carry_out(session, streams, wait=wait, here=here, width=width)


def _refuse_read_only(session: Session) -> None:
    """Before anything is opened or advanced. A frozen window is waited for, as any other."""
    from rotation.due import refuse_stopped  # noqa: PLC0415

    refuse_doubtful(session.journal)
    refuse_stopped(_stops_if_behind(session))


def _open_by_hand(session: Session, entry: "Entry") -> None:
    refuse_inactive(entry)
    if not is_open(session, entry.stream):
        open_rotation(session, entry, "routine", trigger="person")
        return
    row = session.journal.identity(entry.stream)
    held = row is not None and row.held is not None
    opened = "adoption" if row is not None and rules_of(row.plan).adopts else "rotation"
    note(f"{entry.id} has an open {opened}; it {'is Held' if held else 'goes on'}")
