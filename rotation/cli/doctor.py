"""`doctor`: what is wrong, what it means, and the one repair that is always safe."""

from collections.abc import Mapping
from functools import partial

import click

from rotation.cli.app import settings, verb
from rotation.cli.carry_out import carry_out
from rotation.cli.failures import AT_RISK, DENIED, GENERIC, HELD, OK, code_of, worst
from rotation.cli.options import here_option, known_names, yes_option
from rotation.cli.output import as_json, plain, result
from rotation.cli.prompts import confirm
from rotation.cli.reconcile import remember_strangers
from rotation.cli.session import Session, open_session
from rotation.errors import UsageError
from rotation.operations.diagnose import (
    NO_EMERGENCY_ROLE,
    alarm_checks,
    all_checks,
    names_of,
    permission_checks,
    to_repair,
)
from rotation.operations.findings import Finding, Grade
from rotation.operations.opening import open_rotation

_EXIT: Mapping[Grade, int] = {
    Grade.FINE: OK,
    Grade.WRONG: GENERIC,
    Grade.DENIED: DENIED,
    Grade.HELD: HELD,
    Grade.DOWN: AT_RISK,
}


@verb(
    "doctor", "doctor", "doctor billing-iam orders-db --login", "doctor billing-iam --repair",
    "doctor --as emergency", "doctor --alarms=drill",
)  # fmt: skip
@click.argument("names", nargs=-1, shell_complete=known_names)
@click.option("--login", is_flag=True, help="Try a login with each labelled version.")
@click.option("--repair", is_flag=True, help="Do the one safe repair of NAME.")
@click.option(
    "--as", "role", type=click.Choice(["emergency"]), help="Only whether that role works for you."
)
@click.option(
    "--alarms", is_flag=False, flag_value="look", type=click.Choice(["look", "drill"]),
    help="Only whether the stack's alarms would reach somebody; drill: provokes the harmless one.",
)  # fmt: skip
@yes_option
@here_option
def doctor(
    names: tuple[str, ...], *, login: bool, repair: bool, role: str | None, alarms: str | None,
    yes: bool, here: bool,
) -> int:  # fmt: skip
    """Find what is wrong, and offer the one safe repair.

    Looks at the configuration, the journal, live runners, every connection's identity, what its
    roles can really do, and the labels of each secret. What IAM cannot tell it, it cannot see:
    policies of secrets and keys, and those of an organisation. --alarms looks with the connection's
    base credentials: a person's, for the runner has no right to see what watches it. Changes nothing
    without --repair, which is an ordinary rotation of plan REPAIR: it never promotes a version that
    this installation did not stage.
    """
    if repair and len(names) != 1:
        raise UsageError(
            "cli.usage",
            "--repair needs the name of one secret; nothing was done",
            "`rotation doctor` finds which",
        )
    with open_session(effectful=repair) as session:
        if alarms is not None:
            checks = list(alarm_checks(session, drill=alarms == "drill"))
        elif role is not None:
            asked = [session.entry(name).id for name in names_of(session, names)]
            checks = list(permission_checks(session, asked, emergency=True))
            checks = checks or [NO_EMERGENCY_ROLE]
        else:
            looked = partial(remember_strangers, session)
            checks = list(all_checks(session, names_of(session, names), looked, login=login))
        _print(checks)
        if repair:
            return _repair(session, names[0], login=login, yes=yes, here=here)
        return worst(exit_code_of(check) for check in checks if not check.is_fine) or OK


def exit_code_of(finding: Finding) -> int:
    if finding.grade is Grade.FAILED:
        assert finding.error is not None
        return code_of(finding.error)
    return _EXIT[finding.grade]


def _repair(session: Session, name: str, *, login: bool, yes: bool, here: bool) -> int:
    question = to_repair(session, name, login=login)
    entry = session.entry(name)
    confirm(f"{entry.id}: {question}?", yes=yes)
    open_rotation(session, entry, "repair", trigger="person")
    return carry_out(session, {entry.stream: name}, wait=True, here=here)


def _print(checks: list[Finding]) -> None:
    if settings().output == "json":
        document = [
            {"subject": c.subject, "ok": c.is_fine, "code": c.code, "finding": c.text,
             "next": c.next or None}
            for c in checks
        ]  # fmt: skip
        as_json("doctor", {"checks": document})
        return
    for check in checks:
        caution = ("!", "yellow") if check.next else ("✓", "green")
        sign, colour = ("✗", "red") if not check.is_fine else caution
        result(f"{click.style(sign, fg=colour)} {plain(f'{check.subject}: {check.text}')}")
        if check.next:
            result(plain(f"    next: {check.next}"))
