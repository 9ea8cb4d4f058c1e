"""Turns an error into a message and the exit code of the process.

0 ok or nothing due · 1 generic · 2 usage or configuration · 3 denied · 4 failed, the old credential
is still valid · 5 refused by policy · 6 unknown name · 7 work is due · 8 cancelled, resumable · 9
time-out, lock or journal · 10 some failed · 11 held, a person must decide · 12 failed, and a
consumer may be without a working credential · 255 internal.
"""

import sys
from collections.abc import Iterable

import click

from rotation.cli.app import Settings
from rotation.cli.output import complain
from rotation.errors import (
    Ambiguous,
    Denied,
    JournalError,
    NeedsPerson,
    NotYet,
    PolicyRefusal,
    Refused,
    RotationError,
    Transient,
    UnknownName,
    UsageError,
)

OK, GENERIC, USAGE, DENIED, FAILED, REFUSED, UNKNOWN, DUE = range(8)
CANCELLED, LOCKED, SOME_FAILED, HELD, AT_RISK, INTERNAL = 8, 9, 10, 11, 12, 255

_WORST_FIRST = (
    INTERNAL, AT_RISK, HELD, SOME_FAILED, FAILED, DENIED, LOCKED, CANCELLED, REFUSED, UNKNOWN,
    USAGE, GENERIC, DUE, OK,
)  # fmt: skip

_BY_KIND: tuple[tuple[type[RotationError], int], ...] = (
    (UsageError, USAGE),
    (UnknownName, UNKNOWN),
    (PolicyRefusal, REFUSED),
    (JournalError, LOCKED),
    (Denied, DENIED),
    (NeedsPerson, HELD),
    (Refused, FAILED),
    (Transient, LOCKED),
    (NotYet, LOCKED),
    (Ambiguous, LOCKED),
)


def worst(codes: Iterable[int]) -> int:
    """One exit code for several outcomes. 10 where some failed and others did not."""
    occurred = set(codes)
    if OK in occurred and len(occurred) > 1:
        occurred.add(SOME_FAILED)
    return next((code for code in _WORST_FIRST if code in occurred), OK)


def code_of(error: RotationError) -> int:
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), GENERIC)


def exit_code_of(error: BaseException, settings: Settings) -> int:
    """Prints the message and returns the exit code."""
    if settings.debug and not isinstance(error, SystemExit):
        from rotation.cli.trace import trace_of  # noqa: PLC0415

        sys.stderr.write(trace_of(error))
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else GENERIC
        case RotationError():
            complain(error, settings)
            return code_of(error)
        case click.exceptions.NoArgsIsHelpError(ctx=context) if context is not None:
            click.echo(context.get_help(), color=context.color)
            return OK
        case click.ClickException():
            return _usage(error, settings)
        case KeyboardInterrupt() | click.Abort() | EOFError():
            stopped = RotationError(
                "cli.cancelled",
                "stopped; whatever was begun is in the journal",
                "`rotation run` goes on from there",
            )
            complain(stopped, settings)
            return CANCELLED
        case BrokenPipeError():
            # The reader has closed the pipe, so there is nothing left to write to it.
            sys.stdout = None
            return OK
        case _:
            return _internal(error, settings)


def _usage(error: click.ClickException, settings: Settings) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "rotation"
    hint = f"`{path} --help` shows how"
    complain(UsageError("cli.usage", error.format_message(), hint), settings)
    return USAGE


def _internal(error: BaseException, settings: Settings) -> int:
    unexpected = RotationError(
        "cli.internal",
        f"a bug of this program stopped it ({type(error).__name__}); rotations stay resumable",
        "run it again with --debug and report what it says"
        if not settings.debug
        else "report what is printed above",
    )
    complain(unexpected, settings)
    return INTERNAL
