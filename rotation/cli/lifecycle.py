"""Brings a secret under rotation and takes it out again: create, adopt, retire."""

from datetime import UTC, datetime

import click

from rotation.cli.app import verb
from rotation.cli.carry_out import carry_out
from rotation.cli.options import here_option, name_argument, wait_option, yes_option
from rotation.cli.prompts import checked_reason, confirm_typed
from rotation.cli.session import open_session
from rotation.journal.facts import Opened
from rotation.operations import lifecycle


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
        lifecycle.create(session, entry)
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)


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
        asked = Opened()
        if created is not None:
            asked |= Opened(created=created.replace(tzinfo=UTC))
            lifecycle.refuse_future(session, asked)
        if take_over:
            confirm_typed(name, f"Take {name} over from the installation that claims it?", yes=yes)
            asked |= Opened(take_over=True)
        lifecycle.adopt(session, entry, asked)
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)


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
        lifecycle.retire(session, entry, checked_reason(gap))
        return carry_out(session, {entry.stream: name}, wait=wait, here=here)
