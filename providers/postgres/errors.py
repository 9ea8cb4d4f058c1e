"""Translates a server's errors into `rotation.errors`: by SQLSTATE and never with its text.

All statements here are safe to repeat, so a lost answer is no reason to look first: repeating makes
the same thing true.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from providers.postgres.session import Lost, Refusal, TooLong, Unreachable, Weak
from rotation.errors import (
    Conflict,
    Denied,
    LoginRefused,
    NeedsPerson,
    Permanent,
    Refused,
    RotationError,
    SlotFull,
    Transient,
)

# A wrong password, no such role, not allowed to log in, or no rule that admits the login.
WRONG_LOGIN = frozenset({"28000", "28P01"})

# For any object that a statement names: here they are roles and settings.
NO_SUCH_ROLE = "42704"
_READ_ONLY = "25006"
_MISSING = frozenset({"3F000", "42883", "42P01"})
_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})
_ENDING = frozenset({"57P01", "57P02", "57P05"})
_NOT_NOW = {
    "53300": "the server has no free connection for us",
    "55P03": "a lock was not had soon enough",
    "57P03": "the server is starting or stopping",
}
_FULL_OR_STARTING = ("53", "57P03")

# What a code means for this one call; it takes precedence over the general meanings.
Meanings = Mapping[str, Callable[[], RotationError]]


@contextmanager
def translated(call: str, *, of: str, meanings: Meanings | None = None) -> Iterator[None]:
    """Turns the errors of the sessions inside into our own. call: the function. of: the role, or
    other subject, in our words."""
    try:
        yield
    except Refusal as refusal:
        meaning = (meanings or {}).get(refusal.sqlstate) or OURS.get(refusal.sqlstate)
        raise (meaning() if meaning else refused(refusal.sqlstate, call, of)) from None
    except Unreachable as unreachable:
        raise Transient(
            "postgres.unreachable",
            f"{call} was not sent: no server is reached at {unreachable}, or its certificate is not "
            "the right one",
            "look at network, name resolution and the connection's ca_file",
        ) from None
    except Weak:
        raise NeedsPerson(
            "postgres.weak-authentication",
            "the server asks for a password in clear or as MD5; it did not get one",
            "set scram-sha-256 in pg_hba.conf",
        ) from None
    except TooLong:
        raise Transient(
            "postgres.answer-too-long",
            f"{call} of {of}: the server says more than 4 MiB, which was not read to its end; it "
            "is safe to ask again",
            "where it is the probe's `query`, let it end in `limit 1`; else see who answers at the "
            "connection's host",
        ) from None
    except Lost:
        raise no_answer(call, of) from None


def no_answer(call: str, of: str) -> Transient:
    return Transient(
        "postgres.no-answer",
        f"{call} of {of} was not answered; it is safe to ask again",
        "nothing to do: it is tried again",
    )


def refused(code: str, call: str, of: str) -> RotationError:
    if code == "42501":
        return Denied(
            "postgres.denied",
            f"we may not {call} {of}",
            "let an administrator run what `rotation policy postgres` prints",
            action=call,
            resource=of,
        )
    if code in WRONG_LOGIN:
        return LoginRefused(
            "postgres.credentials",
            f"{call} of {of}: the server does not accept our own login ({code})",
            "compare the connection's user and password_file with the server",
        )
    if code in _MISSING:
        return NeedsPerson(
            "postgres.not-set-up",
            f"{call} of {of}: the database lacks our functions",
            "let an administrator run what `rotation policy postgres` prints",
        )
    if code == NO_SUCH_ROLE:
        return NeedsPerson(
            "postgres.unknown-name",
            f"{call} of {of}: the server does not know a role that it needs, or a setting of the "
            "allow-list; nothing was changed",
            "look for a role that was dropped or renamed (ALTER ROLE ... RENAME TO ...), and for the "
            "entry's `settings`; then `rotation resume`",
        )
    if code == _READ_ONLY:
        return NeedsPerson(
            "postgres.read-only",
            f"the server accepts no writes in our sessions for {of}; nothing was changed",
            "see default_transaction_read_only of the server, the database and our login",
        )
    if code.startswith(_FULL_OR_STARTING) or code in _BUSY:
        return _busy(code, call, of)
    if code.startswith(("08", "58", "XX")) or code in _ENDING:
        return no_answer(call, of)
    return Permanent(
        "postgres.refused",
        f"the server refuses to {call} {of} ({code})",
        "look the SQLSTATE up in PostgreSQL's manual",
    )


def _busy(code: str, call: str, of: str) -> Transient:
    why = _NOT_NOW.get(code, "not now")
    return Transient(
        "postgres.busy",
        f"{call} of {of}: {why} ({code}); nothing happened",
        "nothing to do: it is tried again, later",
    )


def wrong_server(declared: str, system: object) -> NeedsPerson:
    return NeedsPerson(
        "postgres.wrong-server",
        f"the connection says system {declared}, the server is {system}",
        "correct the connection's host or system_identifier; nothing was changed",
    )


def standby(of: str) -> NeedsPerson:
    return NeedsPerson(
        "postgres.standby",
        f"the server of {of} is a read-only standby; nothing was changed",
        "let the connection's host lead to the primary",
    )


def gone(login: str | None = None) -> Conflict:
    return Conflict(
        "issuer.gone",
        f"{login or 'that login'} is gone; somebody else dropped or renamed it",
        "find out who, in the server's log",
        instances=login,
    )


def _superseded() -> Conflict:
    return Conflict(
        "postgres.superseded",
        "this attempt is over: another one began, or it was destroyed; nothing was changed",
        "nothing to do where another runner took over; else `rotation rollback`",
    )


def _not_allowed() -> Denied:
    return Denied(
        "postgres.not-allowed",
        "the server's allow-list does not have that role, or its rights are too wide",
        "let an administrator run what `rotation policy postgres` prints",
    )


def _full() -> SlotFull:
    return SlotFull(
        "postgres.pair-full",
        "both roles of the pair are in use; nothing was changed",
        "remove the one that nobody needs, or `rotation resolve --ours ID`",
    )


def _suspended() -> Conflict:
    return Conflict(
        "postgres.found-suspended",
        "that login was switched off meanwhile; it stays off",
        "see who did it: an emergency? then `rotation emergency`",
    )


def _bad_verifier() -> Permanent:
    return Permanent(
        "postgres.bad-verifier",
        "the server does not accept this verifier; nothing was changed",
        "this is a bug of rotation; please report it with this line",
    )


GONE = "ROT01"
# The codes that our own functions raise (setup.sql).
OURS: Meanings = {
    GONE: gone,
    "ROT02": _superseded,
    "ROT03": _not_allowed,
    "ROT04": _full,
    "ROT05": _suspended,
    "ROT06": _bad_verifier,
}


def password_refused() -> Refused:
    return Refused(
        "postgres.password-refused",
        "a rule of the server refuses this password; the next rotation makes another one",
        "a rule that must see the password itself cannot be kept: it is never sent",
    )


def password_refused_in_place() -> NeedsPerson:
    """There is no way back from here, and the same password would be refused for ever."""
    return NeedsPerson(
        "postgres.password-refused",
        "a rule of the server refuses this password; the old one still works",
        "correct the rule and `rotation resume`, or `rotation abandon` and rotate again",
    )


SHOWN_MAX = 10


def _shown(differences: list[str]) -> str:
    distinct = sorted(set(differences))
    shown = ", ".join(distinct[:SHOWN_MAX])
    more = len(distinct) - SHOWN_MAX
    return f"{shown}, and {more} more" if more > 0 else shown


def differs(role: str, before: list[str], differences: list[str]) -> NeedsPerson:
    return NeedsPerson(
        "postgres.differs",
        f"{role} is not as good as {' and '.join(before)}: it {_shown(differences)}; nobody uses it",
        "give the group, or the other role of the pair, what is lacking, and take attributes from "
        "the old login; name who is no login of the application under `others`; then "
        "`rotation resume`",
    )


def left_behind(role: str, differences: list[str]) -> NeedsPerson:
    return NeedsPerson(
        "postgres.left-behind",
        f"{role} was not switched off: what came after it {_shown(differences)}",
        f'for objects, in each database: REASSIGN OWNED BY "{role}" TO a group of both; grant '
        "the rest; then `rotation resume`",
    )


def not_of_the_group(role: str, group: str) -> NeedsPerson:
    return NeedsPerson(
        "postgres.no-login-of-the-group",
        f"{role} exists and is no login of {group} that we may work on: it is no member, or it "
        "administers the group, may make roles or pass over rules, or is named under `others`",
        "let the secret hold a login that is a plain member of the group",
    )


def role_ends(role: str, expires: datetime, now: datetime) -> NeedsPerson:
    tense = "has ended" if expires <= now else "ends"
    return NeedsPerson(
        "postgres.role-ends",
        f"the role {role} {tense} on {expires:%Y-%m-%d %H:%M} UTC (VALID UNTIL), too soon for a "
        "new password; nothing was changed",
        f"let an administrator move the end: ALTER ROLE \"{role}\" VALID UNTIL '<DATE>'; "
        "then `rotation resume`",
    )


def owns_objects(role: str) -> NeedsPerson:
    return NeedsPerson(
        "postgres.owns-objects",
        f"{role} owns objects or has privileges of its own; it is off, and was not dropped",
        f'in each database: REASSIGN OWNED BY "{role}" TO its group, revoke what it was granted; '
        "then `rotation resume`",
    )
