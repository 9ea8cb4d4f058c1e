"""A secret comes under rotation, and leaves it: create, adopt, retire."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from rotation.cli.app import verb
from rotation.cli.ask import checked_reason, confirm_typed
from rotation.cli.opening import carry_out
from rotation.cli.options import here_option, name_argument, wait_option, yes_option
from rotation.cli.session import Session, open_session
from rotation.composed import Composed
from rotation.entries import stamp
from rotation.errors import PolicyRefusal, RotationError, Usage
from rotation.fold import fold
from rotation.interfaces import Store
from rotation.operations.opening import open_rotation
from rotation.operations.requests import request
from rotation.types import Facts, PermissionSet, is_our_mark

if TYPE_CHECKING:
    from rotation.config import Entry


@verb("create", "create billing-iam", "create billing-iam --wait")
@name_argument
@wait_option
@here_option
def create(name: str, *, wait: bool, here: bool) -> int:
    """Make the first credential of an empty secret.

    The secret must exist and be empty; readers see a marked placeholder until the credential is
    proven.
    """
    with open_session(effectful=True) as session:
        entry = session.entry(name)
        _refuse_not_empty(session, entry)
        _refuse_missing_parts(session, entry)
        open_rotation(session, entry, "first", trigger="person")
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)


def _refuse_not_empty(session: Session, entry: "Entry") -> None:
    """A typing mistake opens nothing. A placeholder of ours is what an earlier attempt left."""
    store = session.bind(session.configuration.specification(entry)).store
    current = store.state().current
    if current is None or is_our_mark(current, session.configuration.installation):
        return
    if _has_no_credential(store, current):
        raise PolicyRefusal(
            "create.other-keys",
            f"the secret of {entry.id} has a value without the keys of a credential; nothing was "
            "opened",
            f"`rotation rotate {entry.id} --replace` makes one beside what is there; if one is there "
            "under other keys, name them under `fields:`",
        )
    raise PolicyRefusal(
        "create.not-empty",
        f"the secret of {entry.id} has a value already; nothing was opened",
        f"`rotation adopt {entry.id}` brings it under rotation",
    )


def _has_no_credential(store: Store, version: str) -> bool:
    try:
        store.read(version, under=PermissionSet.PROVE)
    except RotationError as error:
        return error.code == "store.missing-field"
    return False


def _refuse_missing_parts(session: Session, entry: "Entry") -> None:
    """An empty secret has no keys of others, and what is composed of one could not be written."""
    spec = session.configuration.specification(entry)
    if others := sorted(Composed(spec.fields, spec.composed).others):
        raise PolicyRefusal(
            "create.missing-parts",
            f"a template in `composed:` of {entry.id} has parts that an empty secret does not hold: "
            f"{', '.join(others)}; nothing was opened",
            "write those parts into the template as text; or write these keys into the secret, then "
            f"`rotation rotate {entry.id} --replace`",
        )


def _begin_anew(session: Session, entry: "Entry") -> None:
    """An adoption changes nothing, so one that is open is in nobody's way: nor is one that the file
    sent to another credential, by a wrong user or region."""
    for stream in session.open_streams_of(entry.id):
        rotation = fold(session.journal.entries(stream))
        if rotation.rules.adopts:
            request(session, rotation, "abandon")
            session.runner.advance(stream)


def _refuse_staying(session: Session, entry: "Entry") -> None:
    consumers = session.configuration.specification(entry).consumers
    staying = sorted(c.id for c in consumers if c.role == "reader" and not c.gone)
    if staying:
        raise PolicyRefusal(
            "retire.consumers-declared",
            f"consumers of {entry.id} are still declared: {', '.join(staying)}; nothing was opened",
            "state `gone: true` beside them, or say with --gap why they need nothing",
        )


@verb("adopt", "adopt billing-iam", "adopt orders-db --created 2026-03-01")
@name_argument
@click.option(
    "--created",
    type=click.DateTime(["%Y-%m-%d"]),
    help="When it was made, where its issuer does not say.",
)
@click.option("--take-over", is_flag=True, help="Even if another installation claims it.")
@yes_option
@wait_option
@here_option
def adopt(
    name: str, *, created: datetime | None, take_over: bool, yes: bool, wait: bool, here: bool
) -> int:
    """Bring an existing credential under rotation.

    Logs in with it, finds it at its issuer, and writes it down. Changes nothing but the owner claim
    on the secret. It can be started again at any time, also with a corrected file.
    """
    with open_session(effectful=True) as session:
        entry = session.entry(name)
        facts: Facts = {}
        if created is not None:
            facts["created"] = stamp(_not_in_future(created, session.clock.now()))
        if take_over:
            confirm_typed(name, f"Take {name} over from the installation that claims it?", yes=yes)
            facts["take_over"] = True
        _begin_anew(session, entry)
        open_rotation(session, entry, "adopt", trigger="person", facts=facts)
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)


def _not_in_future(created: datetime, now: datetime) -> datetime:
    aware = created.replace(tzinfo=UTC)
    if aware > now:
        raise Usage(
            "cli.future",
            f"--created {created:%Y-%m-%d} is in the future; nothing was done",
            "give the day on which it was made",
        )
    return aware


@verb("retire", "retire old-billing-iam", 'retire old-billing-iam --gap "the app was shut down"')
@name_argument
@click.option("--gap", help="Retire although consumers are declared; says why that is right.")
@yes_option
@wait_option
@here_option
def retire(name: str, *, gap: str | None, yes: bool, wait: bool, here: bool) -> int:
    """Take a secret out of service, its credential last.

    It is switched off, watched, then destroyed. Every consumer must be `gone: true`, or --gap says why not. The secret's container stays; the
    stack removes it.
    """
    with open_session(effectful=True) as session:
        entry = session.entry(name)
        confirm_typed(
            name, f"The credential of {name} will be destroyed, without a successor.", yes=yes
        )
        facts: Facts = {"gap": checked_reason(gap)} if gap else {}
        if not gap:
            _refuse_staying(session, entry)
        open_rotation(session, entry, "retire", trigger="person", facts=facts)
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)
