"""Questions to a person, and checks of what a person wrote."""

import re
from datetime import UTC, date, datetime, time, timedelta

import click

from rotation.cli.output import is_terminal
from rotation.errors import UsageError

REASON_MAX = 500

# The start of a well-known token, or a long word as random as a key: both cases and digits.
_TOKEN = re.compile(r"(gh[opsu]_|github_pat_|xox[abp]-|hv[sb]\.|glpat-|sk-|eyJ)[A-Za-z0-9_.-]{8,}")
_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_WORD = re.compile(r"[A-Za-z0-9+/=_-]{24,}")


def _asks(question: str, *, yes: bool) -> bool:
    if not yes and not is_terminal():
        raise UsageError(
            "cli.needs-yes",
            f"this needs an answer and there is no terminal: {question}",
            "--yes answers it",
        )
    return not yes


def confirm(question: str, *, yes: bool) -> None:
    """Returns if the person agrees. Without a terminal it does not ask but exits 2 and names the
    flag."""
    if _asks(question, yes=yes) and not click.confirm(question, err=True):
        raise _declined()


def confirm_typed(word: str, question: str, *, yes: bool) -> None:
    """The same for what cannot be undone: the person has to type the word."""
    if not _asks(question, yes=yes):
        return
    typed = click.prompt(
        f"{question}\nType {word} to go on", err=True, default="", show_default=False
    )
    if typed != word:
        raise _declined()


def _declined() -> UsageError:
    return UsageError(
        "cli.not-confirmed", "not confirmed, so it was not done", "run it again to be asked"
    )


def checked_reason(reason: str | None) -> str | None:
    """A reason stays for ever, and everybody reads it: it becomes one line, and must contain no key.
    Key ids are public and welcome."""
    reason = None if reason is None else " ".join(reason.split())
    if reason is not None and (len(reason) > REASON_MAX or not reason.isprintable()):
        raise UsageError(
            "cli.reason-not-plain",
            f"a reason is at most {REASON_MAX} characters, all of which print; nothing was written",
            "say it in a sentence",
        )
    if reason is not None and _looks_like_a_key(reason):
        raise UsageError(
            "cli.reason-holds-a-key",
            "the reason looks as if a key were in it; nothing was written",
            "leave the key out; its id is fine",
        )
    return reason


def _looks_like_a_key(text: str) -> bool:
    if _TOKEN.search(text) or _BLOCK.search(text):
        return True
    return any(_is_random(word) for word in _WORD.findall(text))


def _is_random(word: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(letter) for letter in word) for kind in kinds)


def checked_end(until: str | None, now: datetime) -> datetime | None:
    """The end of a pause, by a day or by how long it lasts."""
    if until is None:
        return None
    from rotation.config.findings import Invalid  # noqa: PLC0415 -- brings the model along
    from rotation.config.reading import seconds  # noqa: PLC0415

    try:
        end = now + timedelta(seconds=seconds(until))
    except (Invalid, OverflowError):
        try:
            end = datetime.combine(date.fromisoformat(until), time(), UTC)
        except ValueError:
            end = now
    if end <= now:
        raise UsageError(
            "cli.pause-end",
            "--until is no day and no time that is still to come; nothing was done",
            "write the first day on which it goes on, as 2026-12-20, or 36h, or 7d",
        )
    return end
