"""`incident`: what an emergency was, step by step, and when it is over."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rotation.cli.app import VerbGroup, global_options, settings
from rotation.cli.failures import OK
from rotation.cli.options import known_names
from rotation.cli.outcome import local
from rotation.cli.output import (
    Cell,
    as_json,
    document,
    done,
    harmless,
    plain,
    plain_lines,
    result,
    table,
)
from rotation.cli.prompts import checked_reason
from rotation.cli.saved import save, writer_of
from rotation.cli.session import open_session
from rotation.journal.entries import stamp
from rotation.operations.incidents import Check, Incident, close, incidents, note, the_incident

HELP = """List incidents, show one, add to it, or close it.

Every emergency is one. Revoking, replacing and updating are filled in from the journal; how it was
compromised, and that it is over, are a person's to say.

\b
Examples:
  rotation incident
  rotation incident show billing-iam --out incident.html
  rotation incident note billing-iam "pushed to a public fork on 3 May"
  rotation incident close billing-iam --note "the fork is gone, ticket 4711" """

_SIGNS = {True: ("✓", "green"), False: ("·", "yellow"), None: ("?", "cyan")}


@click.pass_context
def _listed(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    with open_session(effectful=False) as session:
        found = incidents(session)
    if settings().output == "json":
        as_json("incidents", {"incidents": [incident_json(each) for each in found]})
    else:
        _print_all(found)
    return OK


incident = VerbGroup(
    "incident", params=global_options(), help=HELP, callback=_listed, invoke_without_command=True
)
incident_argument = click.argument("id_", metavar="NAME|ID", shell_complete=known_names)


def incident_json(each: Incident) -> dict[str, Any]:
    said = asdict(each)
    del said["stream"]
    return {
        **said,
        "state": each.state.value,
        "opened_at": stamp(each.opened_at),
        "ended_at": stamp(each.ended_at),
        "timeline": [
            {"at": stamp(at), "who": who, "what": what} for at, who, what in each.timeline
        ],
    }


def _print_all(found: list[Incident]) -> None:
    if not found:
        result("there was no emergency, so there is no incident")
        return
    rows = [
        [Cell(plain(each.id), {"bold": True}), Cell(each.state.value), Cell(local(each.opened_at)),
         Cell(plain(each.by or "-")), Cell(plain(each.reason or ""))]
        for each in found
    ]  # fmt: skip
    for line in table(("incident", "state", "opened", "by", "reason"), rows, spare=("by",)):
        result(line)


@incident.add(
    "show", "incident show billing-iam", "incident show billing-iam@41 --out incident.html"
)
@incident_argument
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there: a page (.html), text (.md) or everything (.json).",
)  # fmt: skip
def _show(id_: str, *, out: Path | None) -> int:
    """Show an incident: the steps, what is unproven, the evidence, the timeline.

    NAME stands for the latest incident of that secret.
    """
    write = None if out is None else writer_of(out, WRITERS)
    with open_session(effectful=False) as session:
        found = the_incident(session, id_)
    if out is not None and write is not None:
        save(out, write(found))
        done("incident-written", f"{out}: {found.id}", file=str(out))
    elif settings().output == "json":
        as_json("incident", incident_json(found))
    else:
        for line in _lines(found):
            result(line)
    return OK


def _lines(found: Incident) -> Iterator[str]:
    reason = f": {found.reason}" if found.reason else ""
    yield click.style(plain(f"{found.id}  {found.state.value}{reason}"), bold=True)
    yield plain(
        f"  opened {local(found.opened_at)} by {found.by or 'nobody known'}; scope {', '.join(found.scope)}"
    )
    yield plain(f"  {found.works}")
    yield ""
    for check in found.checks:
        sign, colour = _SIGNS[check.done]
        yield f"  {click.style(sign, fg=colour)} {check.step}: {plain(check.found)}"
    for each in found.unproven:
        yield plain(f"  unproven: {each}")
    yield ""
    for at, who, what in found.timeline:
        yield plain(f"  {at:%Y-%m-%d %H:%M:%S}Z  {what}" + (f"  ({who})" if who else ""))
    yield from _next(found)


def _next(found: Incident) -> Iterator[str]:
    if found.state == "open":
        yield f"next: rotation status {plain(found.secret)}"
    elif found.state == "to close":
        seen = ' --seen-dead "..."' if found.unproven else ""
        yield plain(f'next: rotation incident close {found.id} --note "..."{seen}')


@incident.add("note", 'incident note billing-iam "pushed to a public fork on 3 May"')
@incident_argument
@click.argument("text")
def _note(id_: str, text: str) -> int:
    """Add what was found to an incident; it stands in the journal, so no key in it."""
    with open_session(effectful=True) as session:
        found = note(session, id_, checked_reason(text))
    done("incident-noted", f"noted at {found.id}", incident=found.id, note=text)
    return OK


@incident.add(
    "close", 'incident close billing-iam --note "the fork is gone, ticket 4711"',
    'incident close billing-iam --note "..." --seen-dead "the vendor confirmed by mail"',
)  # fmt: skip
@incident_argument
@click.option("--note", "text", required=True, help="How it ended, and what changes.")
@click.option("--seen-dead", help="How you saw that what is unproven is dead.")
def _close(id_: str, *, text: str, seen_dead: str | None) -> int:
    """Say that an incident is over.

    Refused while its emergency is open. What the journal cannot prove dead is listed, and you have
    to say how you saw it.
    """
    with open_session(effectful=True) as session:
        found = close(session, id_, checked_reason(text), checked_reason(seen_dead))
    done("incident-closed", f"{found.id} is closed", incident=found.id, note=text)
    return OK


# ------------------------------------------------------------------------------------- as a file


def _as_json(found: Incident) -> str:
    return document("incident", incident_json(found)) + "\n"


def _as_page(found: Incident) -> str:
    from rotation.report.page import incident_page  # noqa: PLC0415 -- loads the template engine

    return incident_page({"incident": found})


def _as_text(found: Incident) -> str:
    return plain_lines("\n".join(_markdown(found)))


def _markdown(found: Incident) -> Iterator[str]:
    yield f"# Incident {_code(found.id)}"
    yield ""
    yield f"- state: {found.state.value}"
    yield f"- opened: {found.opened_at:%Y-%m-%d %H:%M:%S} UTC by {_code(found.by or 'nobody known')}"
    yield f"- reason: {_code(found.reason or 'not given')}"
    yield f"- scope: {', '.join(map(_code, found.scope))}"
    yield f"- {_code(found.works)}"
    yield from ("", "## Steps", "")
    yield from (_checkbox(check) for check in found.checks)
    if found.unproven:
        yield from ("", "## Not proven dead", "", *(f"- {_code(each)}" for each in found.unproven))
    yield from ("", "## Timeline", "", "| when (UTC) | who | what |", "| --- | --- | --- |")
    for at, who, what in found.timeline:
        yield f"| {at:%Y-%m-%d %H:%M:%S} | {_code(who) if who else 'runner'} | {_code(what)} |"
    yield from (
        "",
        "## Evidence",
        "",
        "```json",
        harmless(json.dumps(found.evidence, indent=2)),
        "```",
        "",
    )


def _checkbox(check: Check) -> str:
    return f"- [{'x' if check.done else ' '}] {check.step}: {_code(check.found)}"


def _code(text: str) -> str:
    """People and services wrote it: one line, shown as it is, with nothing that a table or a code span
    would end at."""
    line = " ".join(text.split())
    return "`" + line.replace("`", "'").replace("|", "/") + "`"


WRITERS: Mapping[str, Callable[[Incident], str]] = {
    ".html": _as_page, ".md": _as_text, ".json": _as_json,
}  # fmt: skip
