"""`run`: everything that is due, safe at any frequency. `rotate`: the named ones, by hand."""

from typing import TYPE_CHECKING

import click

from rotation.cli.app import verb
from rotation.cli.opening import carry_out, is_open, open_rotation
from rotation.cli.options import here_option, wait_option
from rotation.cli.say import note
from rotation.cli.session import Session, open_session
from rotation.errors import PolicyRefusal

if TYPE_CHECKING:
    from rotation.config import Entry


@verb("rotate", "rotate billing-iam", "rotate billing-iam orders-db --wait")
@click.argument("names", nargs=-1, required=True)
@wait_option
@here_option
def rotate(names: tuple[str, ...], *, wait: bool, here: bool) -> int:
    """Rotate the named secrets now, due or not.

    A rotation that is open already goes on. Waits of up to 90 s are sat out; longer ones are left
    to `rotation run`, to a live `serve`, or to --wait.
    """
    with open_session(effectful=True) as session:
        entries = [session.entry(name) for name in dict.fromkeys(names)]
        for entry in entries:
            _open_by_hand(session, entry)
        width = session.configuration.concurrency
        streams = {entry.stream: entry.id for entry in entries}
        return carry_out(session, streams, wait=wait, here=here, width=width)


def _open_by_hand(session: Session, entry: "Entry") -> None:
    if entry.state != "active":
        raise PolicyRefusal(
            "run.not-active",
            f"{entry.id} is {entry.state}; nothing was done",
            "change its `state` in the configuration",
        )
    if is_open(session, entry.stream):
        note(f"{entry.id} has an open rotation; it goes on")
    else:
        open_rotation(session, entry, "routine", trigger="person")
