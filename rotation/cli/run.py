"""`run`: everything that is due, safe at any frequency. `rotate`: the named ones, by hand."""

from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotation.cli.alerting import alerts_after
from rotation.cli.app import settings, verb
from rotation.cli.carry_out import carry_out
from rotation.cli.failures import code_of, worst
from rotation.cli.options import here_option, known_names, names_argument, wait_option
from rotation.cli.output import complain, note, plain
from rotation.cli.replacing import open_replacement
from rotation.cli.session import Session, open_session
from rotation.errors import PolicyRefusal, RotationError
from rotation.operations import begin
from rotation.plan import rules_of

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


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
    with open_session(effectful=True) as session, alerts_after(session):
        names = {session.entry(name).id for name in only}
        _stop_if_behind(session)
        for name in begin.lift_pauses(session):
            note(plain(f"{name}: its pause has ended"))
        unknown = _unknown(session, names)
        for entry, age in begin.undated(session, names):
            note(f"{entry.id}: {age}")
        replacing = _replace_gone(session, names) if saved is None else []
        due, refused = _due(session) if saved is None else (begin.saved_plan(session, saved), [])
        wanted = [entry for entry in due if not names or entry.id in names]
        failed = [
            *unknown,
            *replacing,
            *refused,
            *map(_complained, begin.open_all(session, islice(wanted, most))),
        ]
        streams = begin.under_way(session, names)
        if not streams and not failed:
            note("nothing is due")
        width = session.configuration.concurrency
        advanced = carry_out(session, streams, wait=wait, here=here, width=width)
        _stop_if_behind(session)
        return worst([*failed, advanced] if streams or not failed else failed)


def _unknown(session: Session, names: Collection[str]) -> list[int]:
    found = begin.unknown(session, names)
    return [] if found is None else [_complained(found)]


def _complained(error: RotationError) -> int:
    complain(error, settings())
    return code_of(error)


def _stop_if_behind(session: Session) -> None:
    for stop in begin.stops_if_behind(session):
        note(f"{stop}; {stop.hint}")
    for opened in begin.trip(session):
        note(plain(f"{opened.refusal}; {opened.refusal.hint}"))


def _due(session: Session) -> tuple[Sequence["ConfiguredSecret"], list[int]]:
    """The secrets that are due and no exit codes, or, where everything is stopped, none and the
    refusal's code."""
    try:
        return begin.due_now(session), []
    except PolicyRefusal as stopped:
        return [], [_complained(stopped)]


def _replace_gone(session: Session, names: set[str]) -> list[int]:
    codes: list[int] = []

    def failed(entry: "ConfiguredSecret", error: RotationError) -> None:
        note(f"{entry.id} could not be looked at")
        codes.append(_complained(error))

    for each in begin.gone(session, names, failed):
        note(f"{each.spec.secret}: {each.reason}")
        try:
            begin.replace_gone(session, each)
        except RotationError as error:
            codes.append(_complained(error))
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
        begin.refuse_read_only(session)
        for entry in entries:
            if replacing:
                open_replacement(session, entry)
            else:
                _open_by_hand(session, entry)
        width = session.configuration.concurrency
        streams = {entry.stream: entry.id for entry in entries}
        return carry_out(session, streams, wait=wait, here=here, width=width)


def _open_by_hand(session: Session, entry: "ConfiguredSecret") -> None:
    row = begin.open_by_hand(session, entry)
    if row is not None:
        opened = "adoption" if rules_of(row.plan).adopts else "rotation"
        note(f"{entry.id} has an open {opened}; it {'is Held' if row.held else 'goes on'}")
