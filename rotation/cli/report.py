"""`report`: what reviewers and auditors ask."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import GENERIC, OK
from rotation.cli.output import Cell, as_json, document, done, plain, result, table
from rotation.cli.review import known_owners, review_json
from rotation.cli.saved import save, writer_of
from rotation.cli.session import open_session
from rotation.journal.entries import stamp
from rotation.operations.controls import Evidence
from rotation.operations.inventory import Line
from rotation.operations.reporting import Report, of_control
from rotation.operations.reporting import report as made_report


@verb(
    "report", "report", "report --out credentials.html", "report --owner team-billing --out mine.csv",
    "report --control cis-aws-1.14", "report --ask -o json",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there: a page (.html), the inventory (.csv) or everything (.json).",
)  # fmt: skip
@click.option("--owner", help="Only what this owner owns.", shell_complete=known_owners)
@click.option("--control", help="Only this control, with everything that does not meet it.")
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True,
              help="The period that deeds and use are about.")  # fmt: skip
@click.option("--ask", is_flag=True, help="Also ask the services what the roles may really do.")
def report(
    *, out: Path | None, owner: str | None, control: str | None, days: int, ask: bool
) -> int:
    """Write the report for reviewers and auditors: a page, CSV or JSON.

    Inventory, overdue and excepted secrets, who may do what and whether they did, reviews, and the
    numbers of common controls with the command that counts each again. From the configuration and
    the journal; asks no provider, except with --ask. Without --out it prints the controls.
    Exit 1 where --control finds something that does not meet it.
    """
    write = None if out is None else writer_of(out, WRITERS)
    with open_session(effectful=False) as session:
        made = made_report(session, days, owner=owner, ask=ask)
    if control is not None:
        return _print_control(of_control(made, control))
    if out is not None and write is not None:
        save(out, write(made))
        done("report-written", f"{out}: {len(made.lines)} secrets", file=str(out))
    elif settings().output == "json":
        as_json("report", content(made))
    else:
        _print(made)
    return OK


def _as_page(made: Report) -> str:
    from rotation.report.page import page  # noqa: PLC0415 -- loads the template engine

    return page({
        "installation": made.installation, "at": made.at, "since": made.since, "lines": made.lines,
        "overdue": made.overdue, "access": made.access, "found": made.found, "deeds": made.deeds,
        "exceptions": made.exceptions, "reviews": made.reviews, "evidence": made.evidence,
    })  # fmt: skip


def _as_json(made: Report) -> str:
    return document("report", content(made)) + "\n"


def _as_csv(made: Report) -> str:
    text = io.StringIO()
    rows = [_line_json(line) for line in made.lines]
    head = list(rows[0]) if rows else list(COLUMNS)
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet takes a text that begins so for a formula."""
    if isinstance(value, list):
        value = " ".join(value)
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


COLUMNS = (
    "secret", "application", "environment", "owner", "class", "issuer", "scope", "place", "consumers", "current",
    "created", "rotated", "expires", "age_s", "max_age_s", "due", "states", "by_hand", "connections",
)  # fmt: skip


def _line_json(line: Line) -> dict[str, Any]:
    times = {key: stamp(getattr(line, key)) for key in ("created", "rotated", "expires", "due")}
    said = {
        **asdict(line), **times, "class": line.class_name, "consumers": list(line.consumers),
        "states": list(line.states), "connections": sorted(line.connections),
    }  # fmt: skip
    return {column: said[column] for column in COLUMNS}


def content(made: Report) -> dict[str, Any]:
    found = None if made.found is None else [
        {"subject": each.subject, "ok": each.is_fine, "finding": each.text} for each in made.found
    ]  # fmt: skip
    return {
        "installation": made.installation,
        "at": stamp(made.at),
        "since": stamp(made.since),
        "secrets": [_line_json(line) for line in made.lines],
        "overdue": [line.secret for line in made.overdue],
        "exceptions": [{**asdict(each), "until": stamp(each.until)} for each in made.exceptions],
        "access": [
            {"connection": each.connection, "set": each.under.value, "holder": each.holder,
             "does": each.does, "calls": list(each.calls), "secrets": list(each.secrets), "used": each.used}
            for each in made.access
        ],
        "as_found": found,
        "deeds": [{**asdict(each), "at": stamp(each.at)} for each in made.deeds],
        "reviews": [review_json(each) for each in made.reviews],
        "controls": [_evidence_json(each) for each in made.evidence],
    }  # fmt: skip


def _evidence_json(each: Evidence) -> dict[str, Any]:
    return {
        "id": each.control.id, "source": each.control.source, "asks": each.control.asks,
        "counted": each.control.shows, "total": each.counted.total,
        "failing": list(each.counted.failing), "counts": dict(each.counted.counts),
        "command": each.control.command,
    }  # fmt: skip


def _print_control(each: Evidence) -> int:
    if settings().output == "json":
        as_json("control", _evidence_json(each))
    else:
        result(f"{each.control.source}: {each.control.asks}")
        result(f"counted: {each.control.shows}")
        for line in _numbers(each):
            result(plain(line))
        for name in each.counted.failing:
            result(plain(f"  {name}"))
    return GENERIC if each.counted.failing else OK


def _numbers(each: Evidence) -> Iterator[str]:
    yield f"{len(each.counted.failing)} of {each.counted.total}"
    for word, count in each.counted.counts.items():
        yield f"{word}: {count}"


def _print(made: Report) -> None:
    result(
        f"{len(made.lines)} secrets, {len(made.overdue)} overdue, {len(made.exceptions)} exceptions"
    )
    late = [each.owner for each in made.reviews if each.state == "overdue"]
    if late:
        result(plain(f"reviews overdue: {', '.join(late)}"))
    result()
    rows = [
        [Cell(each.control.source), Cell("; ".join(_numbers(each))), Cell(each.control.command)]
        for each in made.evidence
    ]
    for line in table(("control", "does not meet it", "which"), rows):
        result(line)
    result()
    result("next: rotation report --out credentials.html, for all of it")


WRITERS: Mapping[str, Callable[[Report], str]] = {
    ".html": _as_page, ".csv": _as_csv, ".json": _as_json,
}  # fmt: skip
