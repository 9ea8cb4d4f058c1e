"""Advances what was opened as far as it goes, and reports how far that was."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from rotation.cli.app import settings
from rotation.cli.failures import CANCELLED, FAILED, LOCKED, OK, code_of, worst
from rotation.cli.outcome import exit_code_of, print_outcomes
from rotation.cli.output import complain
from rotation.cli.progress import progress
from rotation.cli.session import Session
from rotation.cli.trace import trace_of
from rotation.errors import RotationError
from rotation.operations.advance import RunResult, advance_all
from rotation.operations.continuation import keeps_failing
from rotation.operations.history import as_looked_at


def carry_out(
    session: Session, streams: Mapping[str, str], *, wait: bool, here: bool, width: int = 1,
    failures: list[RotationError] | None = None,
) -> int:  # fmt: skip
    """Advances or follows these rotations, prints their state, and returns one exit code for all: 8
    if a stop left them open, 9 if --wait gave up because a step keeps failing.

    streams: stream -> the secret's name. failures: receives the errors of those that could not
    start.
    """
    streams = {stream: session.called(name) for stream, name in streams.items()}
    with progress(session, streams) as show:
        ends = advance_all(
            session, list(streams), show, wait=wait, here=here, width=width, give_up=_give_up
        )
    arrived = {
        streams[s]: replace(end, rotation=as_looked_at(session, end.rotation))
        for s, end in ends.items()
        if isinstance(end, RunResult)
    }
    failures = [] if failures is None else failures
    failures += [end for end in ends.values() if isinstance(end, RotationError)]
    for failure in failures:
        if settings().debug and failure.__cause__ is not None:
            sys.stderr.write(trace_of(failure))
        complain(failure, settings())
    print_outcomes(session, arrived)
    code = worst([*map(exit_code_of, arrived.values()), *map(code_of, failures)])
    if code == OK and session.stop():
        return CANCELLED
    failing = any(keeps_failing(a.rotation, a.action) for a in arrived.values())
    return LOCKED if code == OK and wait and failing else code


def _give_up() -> None:
    """Ends the process at once; the journal has the state."""
    os._exit(CANCELLED)


def went_back(code: int) -> int:
    """The exit code of a rollback that an operator asked for: being rolled back is success."""
    return OK if code == FAILED else code
