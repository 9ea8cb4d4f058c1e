"""`reconcile`: how the world differs from the journal, in words."""

from collections.abc import Mapping
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import AT_RISK, GENERIC, HELD, code_of, worst
from rotation.cli.options import maybe_name_argument
from rotation.cli.output import as_json, note, plain, result
from rotation.cli.session import Session, open_session
from rotation.cli.unaccounted import remember
from rotation.operations.reconcile import Difference, Found, go_on, look, may_go_on


@verb("reconcile", "reconcile", "reconcile billing-iam", "reconcile -o json")
@maybe_name_argument
@click.option(
    "--accept", is_flag=True, help="Go on with this journal, although it is behind in many places."
)
def reconcile(name: str | None, *, accept: bool) -> int:
    """Compare the world with the journal.

    The store and the issuer are asked, the journal says what it last recorded. Nothing is changed
    but one note: live instances that nobody knows are written down, so that `status` shows them.

    Exit code 11 where they differ: the next rotation would be Held for that. 12 where the issuer
    says that what readers get is gone or off. An installation that
    became read-only because its journal is behind in many places goes on once it no longer is, or
    with --accept.
    """
    with open_session(effectful=False) as session:
        names = (
            [session.entry(name).id] if name else [e.id for e in session.configuration.secrets()]
        )
        found = {each: look(session, each) for each in names}
        for each in names:
            remember_strangers(session, each, found[each])
        if settings().output == "json":
            as_json("reconcile", {"secrets": [_json(each, found[each]) for each in names]})
        else:
            for each in names:
                _print(each, found[each])
        if name is None:
            _lift(session, found, accept=accept)
        return worst(map(exit_code_of, found.values()))


def exit_code_of(found: Found) -> int:
    if found.error is not None and not found.differences[0].down:
        return code_of(found.error)
    if found.error is None and not found.looked:
        return GENERIC
    return worst(map(code_of_difference, found.differences))


def code_of_difference(difference: Difference) -> int:
    return AT_RISK if difference.down else HELD


def _lift(session: Session, found: Mapping[str, Found], *, accept: bool) -> None:
    if may_go_on(session, found, accept=accept):
        with open_session(effectful=True) as writing:
            go_on(writing)
        note("no longer read-only")


def remember_strangers(session: Session, name: str, found: Found) -> None:
    if found.looked:
        remember(session, session.entry(name).stream, found)


def _print(name: str, found: Found) -> None:
    if not found.differences:
        result(f"{click.style('✓', fg='green')} {plain(name)}")
    for each in found.differences:
        result(f"{click.style('✗', fg='red')} {plain(f'{name}: {each.message} [{each.code}]')}")
        if each.next:
            result(plain(f"    next: {each.next}"))


def _json(name: str, found: Found) -> dict[str, Any]:
    differences = [
        {"code": each.code, "message": each.message, "hint": each.next or None}
        for each in found.differences
    ]
    return {"secret": name, "equal": not found.differences, "differences": differences}
