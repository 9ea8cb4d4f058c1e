"""NOT CONTAINED, and what a person types instead, whatever failed: the journal, the issuer or the
configuration itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from rotation.cli.output import note, plain
from rotation.cli.session import Session
from rotation.errors import PolicyRefusal, RotationError, UnknownName
from rotation.operations.by_hand import known
from rotation.types import Specification


def by_hand_lines(session: Session, spec: Specification, handles: Sequence[str]) -> list[str]:
    """For each of them the service's own command, filled in."""
    commands = ((handle, session.by_hand(spec, handle)) for handle in handles)
    return [
        plain(f"  by hand: {command or f'end {handle} of {spec.identity} at its service'}")
        for handle, command in commands
    ]


def audit_lines(session: Session, spec: Specification, handles: Sequence[str]) -> list[str]:
    """For each of them the command that shows what it was used for, where the service keeps a
    record."""
    commands = ((handle, session.audit_command(spec, handle)) for handle in handles)
    return [
        plain(f"  what {handle} did, by region: {command}")
        for handle, command in commands
        if command
    ]


@contextmanager
def offering_by_hand(session: Session, words: Sequence[str], key_id: str | None) -> Iterator[None]:
    """If anything inside it fails, the leaked credential stays alive: prints that, with the command
    that ends it. Not where the operator was refused or mistyped something."""
    try:
        yield
    except (PolicyRefusal, UnknownName, click.Abort):
        raise
    except Exception as error:
        if not (isinstance(error, RotationError) and error.code.startswith("cli.")):
            note("NOT CONTAINED: nothing was switched off")
            for line in _found(session, words, key_id):
                note(line)
        raise


def _found(session: Session, words: Sequence[str], key_id: str | None) -> list[str]:
    """The lines for whatever the configuration, or the journal alone, still knows."""
    name = words[0] if len(words) == 1 else None
    spec, handles = known(session, name, key_id)
    if spec is None:
        what = key_id or "what leaked"
        return [plain(f"  by hand: end {what} at its service, with the service's own tools")]
    return by_hand_lines(session, spec, [key_id] if key_id else handles or ["ID"])
