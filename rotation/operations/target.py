"""Which secret an emergency is about: a configured one, or one that only the journal knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rotation.errors import JournalError, UnknownName, UsageError
from rotation.journal.entries import INSTALLATION, Identity, Kind
from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.operations.survey import Past
from rotation.plan.specification import spec_from_json
from rotation.types import Facts, Json, Specification


@dataclass(frozen=True, slots=True)
class Target:
    """spec: from the present configuration; where that no longer names the secret, from the
    journal."""

    name: str
    stream: str
    spec: Specification


def past_of(here: Installation) -> tuple[Past | None, JournalError | None]:
    """The journal as far as it can be read, and the reason if it cannot be written or read."""
    try:
        journal: Past = here.journal
        journal.identity(INSTALLATION)
    except JournalError as error:
        failure = error
    else:
        return journal, None
    from rotation.journal.sql import journal_for_looks  # noqa: PLC0415

    try:
        past = journal_for_looks(here.configuration.journal, here.configuration.installation)
        past.identity(INSTALLATION)
    except JournalError:
        return None, failure
    return past, failure


def target_of(
    here: Installation, past: Past | None, words: Sequence[str], key_id: str | None
) -> Target:
    """The secret by its name, which may be a former one, or by a key's id, which is searched in the
    whole journal."""
    if len(words) == 1:
        return _by_name(here, past, words[0])
    if words or key_id is None:
        raise UsageError(
            "cli.usage", "name one secret, or give --key-id ID", "`rotation status` lists them"
        )
    if past is None:
        raise UnknownName(
            "emergency.no-journal",
            f"the journal cannot be read, so nobody knows whose {key_id} is; nothing was done",
            f"name the secret as well: `rotation emergency NAME --key-id {key_id}`",
        )
    if (row := row_of(past, None, key_id)) is not None:
        return _of_row(here, past, row)
    raise UnknownName(
        "emergency.unknown-key",
        f"the journal does not know {key_id}; nothing was done",
        f"name the secret as well: `rotation emergency NAME --key-id {key_id}`",
    )


def _by_name(here: Installation, past: Past | None, name: str) -> Target:
    configured = here.configuration.secret(name)
    if configured is not None or past is None:
        entry = here.entry(name)
        return Target(entry.id, entry.stream, here.configuration.specification(entry))
    if (row := row_of(past, name, None)) is not None:
        return _of_row(here, past, row)
    raise here.unknown(name)


def row_of(past: Past, name: str | None, key_id: str | None) -> Identity | None:
    """The stream of that name, which may be a former one, or else the one whose entries contain
    that id. An unreadable stream hides no other; raises JournalError where it may be the one."""
    unread: list[JournalError] = []
    rows = _rows(past, unread)
    if name is not None:
        whose = next((row for row in rows if row.secret == name), None)
        found = whose or _known(past, rows, lambda kind, facts: _names(kind, facts, name), unread)
    else:
        # All others have to be read to their beginning.
        rows.sort(key=lambda row: key_id not in (row.handle, row.old))
        found = _known(past, rows, lambda _, facts: key_id in _strings(facts), unread)
    if found is None and unread:
        raise unread[0]
    return found


def _rows(past: Past, unread: list[JournalError]) -> list[Identity]:
    rows = []
    for stream in past.streams():
        try:
            row = past.identity(stream)
        except JournalError as error:
            unread.append(error)
        else:
            rows += [row] if row is not None and row.rotation else []
    return rows


def _known(
    past: Past,
    rows: Sequence[Identity],
    by: Callable[[Kind, Facts], bool],
    unread: list[JournalError],
) -> Identity | None:
    for row in rows:
        try:
            if any(by(entry.kind, entry.facts) for entry in past.history(row.stream)):
                return row
        except JournalError as error:
            unread.append(error)
    return None


def _of_row(here: Installation, past: Past, row: Identity) -> Target:
    """Where the name stands for another identity now, the stream's own specification counts."""
    configured = here.configuration.secret(row.secret)
    if configured is not None and configured.stream == row.stream:
        spec = here.configuration.specification(configured)
        return Target(configured.id, row.stream, spec)
    return Target(row.secret, row.stream, spec_from_json(replay(past.entries(row.stream)).spec))


def _names(kind: Kind, facts: Facts, name: str) -> bool:
    opened = Opened.of(facts)
    return kind is Kind.OPENED and opened.has(Opened.secret) and opened.secret == name


def _strings(facts: Facts) -> set[str]:
    """All texts, at any depth."""
    found, left = set[str](), list[Json]([facts])
    while left:
        match left.pop():
            case str() as text:
                found.add(text)
            case dict() as inner:
                left += [*inner, *inner.values()]
            case list() | tuple() as inner:
                left += inner
            case _:
                pass
    return found
