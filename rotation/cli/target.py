"""Which secret an emergency is about: the configuration's, or one that only the journal knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rotation.cli.session import Session
from rotation.entries import Entry, Identity, Kind
from rotation.errors import JournalError, UnknownName, Usage
from rotation.fold import fold
from rotation.incident import Past
from rotation.specification import spec_from_json
from rotation.types import Json, Specification


@dataclass(frozen=True, slots=True)
class Target:
    """spec: as the configuration has it now; where it no longer names the secret, as the journal
    stored it."""

    name: str
    stream: str
    spec: Specification


def past_of(session: Session) -> tuple[Past | None, JournalError | None]:
    """The journal as far as it can be read, and why it can only be read, or not even that."""
    try:
        journal: Past = session.journal
        next(iter(journal.identities()), None)
    except JournalError as error:
        failure = error
    else:
        return journal, None
    from rotation.cli.glance import Glance  # noqa: PLC0415 -- only where the journal fails

    try:
        glance = Glance(session.configuration.journal, session.configuration.installation)
        next(iter(glance.identities()), None)
    except JournalError:
        return None, failure
    return glance, failure


def target_of(
    session: Session, past: Past | None, words: Sequence[str], key_id: str | None
) -> Target:
    """By its name, a former one too; a key's id alone is looked up in all that the journal has."""
    if len(words) == 1:
        return _by_name(session, past, words[0])
    if words or key_id is None:
        raise Usage(
            "cli.usage", "name one secret, or give --key-id ID", "`rotation status` lists them"
        )
    if past is None:
        raise UnknownName(
            "emergency.no-journal",
            f"the journal cannot be read, so nobody knows whose {key_id} is; nothing was done",
            f"name the secret as well: `rotation emergency NAME --key-id {key_id}`",
        )
    if (row := row_of(past, None, key_id)) is not None:
        return _of_row(session, past, row)
    raise UnknownName(
        "emergency.unknown-key",
        f"the journal does not know {key_id}; nothing was done",
        f"name the secret as well: `rotation emergency NAME --key-id {key_id}`",
    )


def _by_name(session: Session, past: Past | None, name: str) -> Target:
    configured = session.configuration.secret(name)
    if configured is not None or past is None:
        entry = session.entry(name)
        return Target(entry.id, entry.stream, session.configuration.specification(entry))
    if (row := row_of(past, name, None)) is not None:
        return _of_row(session, past, row)
    raise session.unknown(name)


def row_of(past: Past, name: str | None, key_id: str | None) -> Identity | None:
    """The stream of that name, a former one too, or else the one whose entries know that id."""
    rows = [row for row in past.identities() if row.rotation]
    if name is not None:
        whose = [row for row in rows if row.secret == name]
        former = (row for row in rows if name in _names(past.history(row.stream)))
        return next(iter(whose), None) or next(former, None)
    # The others have to be read to their beginning.
    rows.sort(key=lambda row: key_id not in (row.handle, row.old))
    knows = (
        row for row in rows if any(key_id in _strings(e.facts) for e in past.history(row.stream))
    )
    return next(knows, None)


def _of_row(session: Session, past: Past, row: Identity) -> Target:
    """Where the name stands for another identity by now, the stream's own specification holds."""
    configured = session.configuration.secret(row.secret)
    if configured is not None and configured.stream == row.stream:
        spec = session.configuration.specification(configured)
        return Target(configured.id, row.stream, spec)
    return Target(row.secret, row.stream, spec_from_json(fold(past.entries(row.stream)).spec))


def _names(history: Iterable[Entry]) -> set[str]:
    return {str(e.facts.get("secret")) for e in history if e.kind is Kind.OPENED}


def _strings(value: Json) -> set[str]:
    match value:
        case str():
            return {value}
        case dict():
            return set().union(*map(_strings, value.values()), value.keys())
        case list() | tuple():
            return set().union(*map(_strings, value))
        case _:
            return set()
