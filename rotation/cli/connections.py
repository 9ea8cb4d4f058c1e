"""`status --connections`: the tool's own credentials belong to the inventory too."""

from datetime import datetime
from typing import Any

from rotation.cli.app import settings
from rotation.cli.failures import OK, code_of, worst
from rotation.cli.outcome import local
from rotation.cli.output import Cell, as_json, plain, result, table
from rotation.cli.session import open_session
from rotation.interfaces import OwnCredential
from rotation.journal.entries import stamp
from rotation.operations.logins import Login, ask
from rotation.report.describe import duration, relative

HEAD = ("connection", "type", "logs in with", "id", "age", "ends", "owner")


def print_connections() -> int:
    """Each connection with the age and the expiry of its credential, as its service reports
    them."""
    with open_session(effectful=False) as session:
        now = session.clock.now()
        logins = [ask(session, name) for name in session.configuration.connections]
        if settings().output == "json":
            as_json("connections", {"connections": [_json(login, now) for login in logins]})
        else:
            for line in table(HEAD, [_cells(login, now) for login in logins]):
                result(line)
            for login in logins:
                if login.error is not None:
                    result(f"{login.name}: {plain(login.error.message)}; next: {login.error.hint}")
        return worst(code_of(login.error) if login.error else OK for login in logins)


def _cells(login: Login, now: datetime) -> tuple[Cell, ...]:
    own = login.own or OwnCredential(kind="unknown")
    age = "unknown" if own.created is None else duration(now - own.created)
    ends = "not known to end"
    if own.expires is not None:
        ends = f"{local(own.expires)} ({relative(own.expires, now)})"
    failed = {"fg": "red"} if login.error is not None else None
    kind = login.error.code if login.error is not None else own.kind
    texts = (login.type, kind, own.id or "-", age, ends, login.owner or "nobody")
    return (Cell(login.name, failed), *(Cell(plain(text)) for text in texts))


def _json(login: Login, now: datetime) -> dict[str, Any]:
    own, error = login.own, login.error
    created = None if own is None else own.created
    return {
        "connection": login.name,
        "type": login.type,
        "owner": login.owner,
        "kind": own and own.kind,
        "id": own and own.id,
        "created": stamp(created),
        "age_s": None if created is None else int((now - created).total_seconds()),
        "expires": stamp(None if own is None else own.expires),
        "accepted": own.accepted if own is not None else False if error is not None else None,
        "error": error and error.code,
    }
