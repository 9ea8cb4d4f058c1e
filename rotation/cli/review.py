"""`review`: owners look at what they own, and say so."""

from dataclasses import asdict

import click

from rotation.cli.app import VerbGroup, global_options, settings
from rotation.cli.failures import OK
from rotation.cli.output import Cell, as_json, done, plain, result, table
from rotation.cli.prompts import checked_end, checked_reason
from rotation.cli.session import Session, open_session
from rotation.journal.entries import stamp
from rotation.operations.reviews import Review, reviews, sign, start

HELP = """List the owners' reviews of what they own; begin or sign one.

With `reviews:` in the configuration each owner's next one begins by itself, and one that is not signed
in time is an alert. What to look at is `rotation report --owner OWNER`.

\b
Examples:
  rotation review
  rotation review start
  rotation review sign team-billing --note "two consumers are gone, ticket 4711" """


def known_owners(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    from rotation.cli.options import configured  # noqa: PLC0415 -- a shell asks, seldom

    found = configured(context)
    owners = {entry.owner for entry in found.secrets()} if found is not None else set()
    return sorted(owner for owner in owners if owner.startswith(begun))


@click.pass_context
def _listed(context: click.Context) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    with open_session(effectful=False) as session:
        found = reviews(session, session.clock.now())
    if settings().output == "json":
        as_json("reviews", {"reviews": [review_json(each) for each in found]})
    else:
        _print(found)
    return OK


review = VerbGroup(
    "review", params=global_options(), help=HELP, callback=_listed, invoke_without_command=True
)


def review_json(review: Review) -> dict[str, str | None]:
    times = {key: stamp(getattr(review, key)) for key in ("begun", "due", "signed")}
    return {**asdict(review), "state": review.state.value, **times}


def _print(found: list[Review]) -> None:
    if not found:
        result("there is no secret, so there is no owner")
        return
    head = ("owner", "state", "due", "last signed", "by", "note")
    for line in table(head, [[Cell(plain(text)) for text in _cells(each)] for each in found]):
        result(line)


def _cells(review: Review) -> tuple[str, ...]:
    def day(name: str) -> str:
        at = getattr(review, name)
        return "-" if at is None else f"{at:%Y-%m-%d}"

    open_ = review.state in ("open", "overdue")
    due = day("due") if open_ else "-"
    return review.owner, review.state, due, day("signed"), review.by or "-", review.note or ""


@review.add("start", "review start", "review start team-billing --within 7d")
@click.argument("owners", nargs=-1, shell_complete=known_owners)
@click.option("--within", default="14d", help="How long they have for it.", show_default=True)
def _start(owners: tuple[str, ...], *, within: str) -> int:
    """Ask owners for a review of what they own; without a name, all of them."""
    with open_session(effectful=True) as session:
        due = checked_end(within, session.clock.now())
        assert due is not None
        asked = start(session, owners, due)
    done("review-started", f"asked for a review: {', '.join(asked)}", owners=asked)
    return OK


@review.add("sign", 'review sign team-billing --note "all of it is used"')
@click.argument("owner", shell_complete=known_owners)
@click.option("--note", required=True, help="What was found; it stands in the journal.")
def _sign(owner: str, *, note: str) -> int:
    """Say that what an owner owns was looked at.

    Look first: `rotation report --owner OWNER`. What you sign for are the secrets as they are
    configured now; their names, your name and the note are written into the journal.
    """
    with open_session(effectful=True) as session:
        return _signed(session, owner, checked_reason(note))


def _signed(session: Session, owner: str, note: str | None) -> int:
    secrets = sign(session, owner, note)
    count = f"{len(secrets)} secret{'' if len(secrets) == 1 else 's'}"
    text = f"{session.who} signed for {count} of {owner}: {', '.join(secrets)}"
    done("review-signed", text, owner=owner, secrets=secrets, note=note)
    return OK
