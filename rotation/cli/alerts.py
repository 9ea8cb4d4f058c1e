"""`alerts`: what was raised, who looks after it, and whether a route works. `ack`: somebody does."""

from collections.abc import Sequence

import click

from rotation.alerts.records import Failing, Open
from rotation.cli.app import VerbGroup, global_options, settings, verb
from rotation.cli.failures import OK
from rotation.cli.options import known_names
from rotation.cli.outcome import local
from rotation.cli.output import as_json, done, next_step, plain, result
from rotation.cli.prompts import checked_reason
from rotation.cli.session import Session, open_session
from rotation.journal.entries import stamp
from rotation.operations.alerts import Alerts, as_plain, raised, tested
from rotation.operations.silence import trouble

HELP = """List what was raised and who has it; try a route.

What is not over, with what works now and the next command, who acknowledged it, and which routes
do not have it yet. `serve` and `run` raise and deliver; this only looks.

\b
Examples:
  rotation alerts
  rotation alerts -o json
  rotation alerts test oncall"""


@click.pass_context
def _listed(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    with open_session(effectful=False) as session:
        found, failing = raised(session)
    if settings().output == "json":
        as_json("alerts", {
            "alerts": [as_plain(each) for each in found],
            "failing": [
                {"route": f.route, "since": stamp(f.since), "waiting": f.count, "code": f.why}
                for f in failing
            ],
        })  # fmt: skip
        return OK
    _print(found, failing)
    return OK


alerts = VerbGroup(
    "alerts", params=global_options(), help=HELP, callback=_listed, invoke_without_command=True
)


def _print(found: Sequence[Open], failing: Sequence[Failing]) -> None:
    for route in failing:
        result(plain(f"{route}; `rotation alerts test {route.route}` tries it [{route.why}]"))
    for each in found:
        alert = each.alert
        result(plain(f"{alert.severity}  {alert.secret}  {alert.event}: {alert.kind.sentence}"))
        for line in _lines(each):
            result(f"    {plain(line)}")
    if not found:
        result("nothing is raised")


def _lines(each: Open) -> list[str]:
    alert = each.alert
    lines = [f"raised: {local(each.raised_at)}"]
    if alert.why:
        lines.append(f"why: {alert.why}")
    if alert.works:
        lines.append(f"works now: {alert.works}")
    if alert.until:
        lines.append(f"until: {local(alert.until)}")
    if each.acked_at is not None:
        why = f": {each.acked_why}" if each.acked_why else ""
        lines.append(f"acknowledged by {each.acked_by}, {local(each.acked_at)}{why}")
    if each.undelivered:
        lines.append(f"not delivered yet: {', '.join(each.undelivered)}")
    return [*lines, f"next: {alert.next}"]


@alerts.add("test", "alerts test oncall")
@click.argument("route")
def test(route: str) -> int:
    """Send a real message to ROUTE, and say what came back."""
    with open_session(effectful=True) as session:
        answer = tested(session, route)
        done("alerts-test", f"route {route} has it: {answer}", route=route)
        return OK


@verb("ack", "ack billing-iam", 'ack billing-iam --reason "I am on it"', "ack installation")
@click.argument("name", shell_complete=known_names)
@click.option("--reason", help="Why, or what you do about it; everybody who looks will see it.")
def ack(name: str, *, reason: str | None) -> int:
    """Say that somebody looks after what was raised.

    It is not repeated any more. When it is over, the routes still get that. `installation` stands
    for what belongs to no secret: the journal, the configuration.
    """
    reason = checked_reason(reason)
    with open_session(effectful=True) as session, Alerts(here=session) as here:
        found = here.acknowledge(name, reason)
        events = [each.alert.event for each in found]
        text = f"acknowledged by {session.who}: {name}: {', '.join(events)}"
        done("ack", text, secret=name, events=events, reason=reason)
        return OK


def failing_routes(session: Session) -> list[dict[str, str]]:
    """For `status`: why alerts may not arrive."""
    return [
        {"code": each.code, "message": each.message, "hint": next_step(each) or ""}
        for each in trouble(session, session.clock.now())
    ]
