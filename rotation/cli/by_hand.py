"""NOT CONTAINED, and what a person types instead, whatever failed: the journal, the issuer or the
configuration itself."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from rotation.cli.output import note, plain
from rotation.cli.session import Session
from rotation.errors import JournalError, PolicyRefusal, RotationError, UnknownName
from rotation.machine.replay import replay
from rotation.operations.survey import Past
from rotation.operations.target import past_of, row_of
from rotation.plan.specification import spec_from_json
from rotation.types import Specification

_JOURNAL = re.compile(r"^journal:[ \t]*[\"']?([^\"'#\n]+)", re.MULTILINE)
_INSTALLATION = re.compile(r"^installation:[ \t]*[\"']?([0-9a-f]{12})\b", re.MULTILINE)


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
    spec, handles = _known(session, name, key_id)
    if spec is None:
        what = key_id or "what leaked"
        return [plain(f"  by hand: end {what} at its service, with the service's own tools")]
    return by_hand_lines(session, spec, [key_id] if key_id else handles or ["ID"])


def _known(
    session: Session, name: str | None, key_id: str | None
) -> tuple[Specification | None, list[str]]:
    try:
        past, spec = past_of(session)[0], session.live_specification(name) if name else None
    except RotationError:
        past, spec = _salvaged(session.configuration_path), None
    try:
        row = None if past is None else row_of(past, name, key_id)
        rotation = None if past is None or row is None else replay(past.entries(row.stream))
        if rotation is not None:
            spec = spec or spec_from_json(rotation.spec)
    except JournalError:
        rotation = None
    if rotation is None:
        return spec, []
    live = (rotation.result or rotation.baseline).live
    found = {*live, rotation.old, rotation.new} - {None}
    return spec, sorted(str(handle) for handle in found)


def _salvaged(configuration: Path) -> Past | None:
    """The journal of a broken configuration: two lines of the file are enough."""
    try:
        text = configuration.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    journal, installation = _JOURNAL.search(text), _INSTALLATION.search(text)
    if journal is None or installation is None:
        return None
    from rotation.journal.sql import journal_for_looks  # noqa: PLC0415

    try:
        return journal_for_looks(configuration.parent / journal[1].strip(), installation[1])
    except JournalError:
        return None
