"""`approvals`, `approve`, `reject`: what waits for people, and their word."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from rotation.approvals.rules import number_of
from rotation.cli.alerting import alerts_after
from rotation.cli.app import VerbGroup, global_options, settings, verb
from rotation.cli.failures import OK
from rotation.cli.options import name_argument
from rotation.cli.output import as_json, done, note, plain, plain_lines, result, verbatim
from rotation.cli.prompts import checked_reason
from rotation.cli.session import Session, open_session
from rotation.errors import UsageError
from rotation.journal.approving import Approval, Request
from rotation.journal.entries import Entry, stamp
from rotation.operations.approvals import (
    Waiting,
    agree,
    close_review,
    open_reviews,
    refuse,
    waiting,
    waiting_of,
)
from rotation.runtime.ownership import ordinary

HELP = """List what waits for approval, and the reviews that are open.

Of each request: what happens if it is approved, who may, who did, and the digest of the plan that it is
for.

\b
Examples:
  rotation approvals
  rotation approvals review billing-iam --note "leaked key, see the incident of today"
  rotation approvals -o json"""


@click.pass_context
def _listed(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    with open_session(effectful=False) as session:
        found, reviews = list(waiting(session)), open_reviews(session)
    if settings().output == "json":
        as_json("approvals", {
            "waiting": [_waiting_json(each) for each in found],
            "reviews": [_review_json(each) for each in reviews],
        })  # fmt: skip
    else:
        _print(found, reviews)
    return OK


approvals = VerbGroup(
    "approvals", params=global_options(), help=HELP, callback=_listed, invoke_without_command=True
)


def _waiting_json(each: Waiting) -> dict[str, Any]:
    asked, standing = each.standing.asked, each.standing
    said = Request.of(asked.facts if asked is not None else {})
    return {
        "secret": each.secret,
        "step": each.row.name,
        "request": None if asked is None else number_of(asked),
        "does": said.does,
        "rows": said.rows,
        "digest": said.digest,
        "requester": said.requester,
        "needs": standing.needs,
        "by": list(standing.around.may),
        "given": list(standing.given),
        "not_counted": standing.not_counted,
        "refused_by": None if standing.refused is None else standing.refused.who,
        "asked_at": None if asked is None else stamp(asked.at),
        "ends_at": stamp(said.expires),
        "next": f"rotation approve {each.secret}",
    }


def _review_json(each: Entry) -> dict[str, Any]:
    secret = Request.of(each.facts).secret
    return {
        "secret": secret, "who": each.who, "at": stamp(each.at),
        "reason": Approval.of(each.facts).reason,
        "next": f"rotation approvals review {secret} --note ...",
    }  # fmt: skip


def _print(found: Sequence[Waiting], reviews: Sequence[Entry]) -> None:
    for each in found:
        for line in _lines(_waiting_json(each)):
            result(plain(line))
    for entry in reviews:
        said = _review_json(entry)
        result(
            plain(
                f"{said['secret']}  REVIEW: {said['who']} did not wait for approval: {said['reason']}"
            )
        )
        result(plain(f"    next: {said['next']}"))
    if not found and not reviews:
        result("nothing waits for approval, and no review is open")


def _lines(said: dict[str, Any]) -> list[str]:
    have = f" ({', '.join(said['given'])})" if said["given"] else ""
    lines = [f"{said['secret']}  {said['step']}: {len(said['given'])} of {said['needs']}{have}"]
    lines += [f"    does not count: {who} {why}" for who, why in said["not_counted"].items()]
    if said["request"] is None:
        return [
            *lines,
            "    not asked yet: the runner asks when it comes by, as `rotation run` does",
        ]
    lines += [
        f"    it {said['does']}; then {', '.join(said['rows'][1:]) or 'nothing'}",
        f"    asked for by {said['requester'] or 'the schedule'}, ends {said['ends_at']}",
        f"    who may: {', '.join(said['by'])}",
        f"    digest: sha256:{said['digest']}",
    ]
    if said["refused_by"] is not None:
        return [*lines, f"    refused by {said['refused_by']}: asked again when it ends"]
    return [*lines, f"    next: {said['next']}"]


@approvals.add("review", 'approvals review billing-iam --note "leaked, see the incident of today"')
@name_argument
@click.option("--note", "text", required=True, help="What the review found; it stays.")
def review(name: str, *, text: str) -> int:
    """Close the review of an emergency that did not wait for approval.

    Whoever did not wait cannot close it.
    """
    with open_session(effectful=True) as session, alerts_after(session):
        name = session.called(name)
        close_review(session, name, str(checked_reason(text)))
        done("approvals-review", f"the review of {name} is closed", secret=name, note=text)
        return OK


@verb(
    "approve",
    "approve billing-iam --as alice --key ~/.ssh/id_ed25519",
    "approve billing-iam --print > request",
    "approve billing-iam --as alice --signature request.sig",
)
@name_argument
@click.option("--as", "approver", metavar="ID", help="Who agrees; this process's user by default.")
@click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False),
    help="Sign with it now: a private key, or the public one of a key in the agent.",
)  # fmt: skip
@click.option(
    "--signature", type=click.Path(path_type=Path, dir_okay=False),
    help="A signature that was made elsewhere.",
)  # fmt: skip
@click.option("--os-user", is_flag=True, help="No signature, where the class accepts it.")
@click.option("--print", "print_", is_flag=True, help="Print the text to sign, and nothing else.")
def approve(
    name: str, *, approver: str | None, key: Path | None, signature: Path | None, os_user: bool,
    print_: bool,
) -> int:  # fmt: skip
    """Agree to what waits for approval.

    The signature is for this one step of this one rotation, as its plan is now. To sign elsewhere:
    print the text, `ssh-keygen -Y sign -n rotation-approval -f KEY request`, and bring request.sig.
    """
    if print_:
        with open_session(effectful=False) as session:
            verbatim(waiting_of(session, name).text.removesuffix("\n"))  # which it prints itself
        return OK
    if sum((key is not None, signature is not None, os_user)) != 1:
        raise UsageError(
            "approval.no-signature",
            "it needs one of --key, --signature and --os-user; nothing was done",
            f"`rotation approve {name} --print` prints what has to be signed",
        )
    with open_session(effectful=True) as session, alerts_after(session):
        return _agreed(session, name, approver, _signature(session, name, key, signature))


def _signature(session: Session, name: str, key: Path | None, signature: Path | None) -> str | None:
    from rotation.approvals.signatures import SIGNATURE_BYTES_MAX, signed  # noqa: PLC0415

    if key is not None:
        found = waiting_of(session, name)
        note(plain_lines(found.text.rstrip("\n")))
        return signed(key, found.text)
    if signature is None:
        return None
    try:
        with ordinary(signature) as file:
            return file.read(SIGNATURE_BYTES_MAX).decode("ascii")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            "approval.unreadable",
            f"{signature} cannot be read as a signature; nothing was done",
            "name the file that ssh-keygen wrote",
        ) from None


def _agreed(session: Session, name: str, approver: str | None, signature: str | None) -> int:
    person = approver or _person(session)
    found = agree(session, name, person, signature)
    have, needs = len(found.standing.given), found.standing.needs
    goes_on = "; a live `serve` goes on within half a minute, or `rotation run`"
    text = f"{found.secret}  {person} agrees: {have} of {needs}{goes_on if have >= needs else ''}"
    done("approve", plain(text), secret=found.secret, approver=person, given=list(found.standing.given), needs=needs)  # fmt: skip
    return OK


def _person(session: Session) -> str:
    approvals = session.configuration.approvals
    people = approvals.approvers if approvals is not None else ()
    found = next((each.id for each in people if each.user == session.who), None)
    if found is None:
        raise UsageError(
            "approval.who",
            f"no approver is the user {session.who}; nothing was done",
            "say who agrees: --as ID",
        )
    return found


@verb("reject", 'reject billing-iam --reason "not before the release"')
@name_argument
@click.option("--reason", required=True, help="Why; it goes into the record.")
def reject(name: str, *, reason: str) -> int:
    """Say no to what waits for approval.

    The step stays where it is, and is asked for again when the request would have ended. `rotation
    rollback NAME` leads back.
    """
    with open_session(effectful=True) as session, alerts_after(session):
        found = refuse(session, name, str(checked_reason(reason)))
        text = f"{found.secret}  {found.row.name} is refused; the old credential stays"
        done("reject", plain(text), secret=found.secret, step=found.row.name, reason=reason)
        return OK
