"""`breaker`: the classes whose rotations keep failing on a connection, and the word that they may go
on."""

from collections.abc import Sequence

import click

from rotation.cli.app import VerbGroup, global_options, settings
from rotation.cli.failures import OK
from rotation.cli.output import as_json, done, plain, result
from rotation.cli.prompts import checked_reason
from rotation.cli.session import open_session
from rotation.journal.entries import stamp
from rotation.operations.requests import open_breakers, reset_breaker
from rotation.schedule.breaker import Trip

HELP = """List the classes whose rotations keep failing, or let them go on.

Two that failed after readers had the new credential, or three Held ones, within 24 hours open the
breaker of their class on their connection. Then no more of them is begun, promoted, switched off or
destroyed until a person resets it. Emergencies, replacements of what is dead and rollbacks go on.

\b
Examples:
  rotation breaker
  rotation breaker -o json"""


@click.pass_context
def _listed(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    with open_session(effectful=False) as session:
        found = open_breakers(session)
    if settings().output == "json":
        as_json("breakers", {
            "breakers": [
                {"group": trip.group, "at": stamp(trip.at), "reason": trip.reason, "next": trip.reset}
                for trip in found
            ],
        })  # fmt: skip
    else:
        _print(found)
    return OK


breaker = VerbGroup(
    "breaker", params=global_options(), help=HELP, callback=_listed, invoke_without_command=True
)


def _print(found: Sequence[Trip]) -> None:
    for trip in found:
        result(plain(f"{trip.group}  open since {trip.at:%Y-%m-%d %H:%M:%S}Z: {trip.reason}"))
        result(plain(f"    next: find the cause, then {trip.reset}"))
    if not found:
        result("no breaker is open")


@breaker.add("reset", 'breaker reset production@aws-main --reason "the policy is mended"')
@click.argument("group", metavar="CLASS@CONNECTION")
@click.option("--reason", required=True, help="What was wrong; it stands in the journal.")
def reset(group: str, *, reason: str) -> int:
    """Let the rotations of a class on a connection go on.

    A live `serve` takes them up within half a minute. What failed before does not count again.
    """
    with open_session(effectful=True) as session:
        reset_breaker(session, group, checked_reason(reason))
        text = f"the breaker of {group} is reset; its rotations go on"
        done("breaker", text, group=group, reason=reason)
        return OK
