"""Translates Vault's errors into `rotation.errors`, by codes and never with their text.

Every branch answers the question: did it happen? Vault has no error codes. An answer is recognised
by its status and, where one status means several things, by a phrase from Vault's source.
"""

from collections.abc import Callable, Mapping

from rotation.errors import (
    Ambiguous,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
)

CAS_MISMATCH = "cas-mismatch"
CAS_REQUIRED = "cas-required"
BAD_SECRET_ID = "bad-secret-id"
BAD_LOGIN = "bad-login"
DEAD_ACCESSOR = "dead-accessor"
SESSION_OVER = "session-over"
NO_MOUNT = "no-mount"
SEALED = "sealed"
STANDBY = "standby"
UPGRADING = "upgrading"
NOT_FOUND = "404"
DENIED = "403"

_PHRASES = (
    ("check-and-set parameter did not match", CAS_MISMATCH),
    ("check-and-set parameter required", CAS_REQUIRED),
    ("invalid role or secret ID", BAD_SECRET_ID),
    ("invalid role ID", BAD_LOGIN),
    ("invalid role_id", BAD_LOGIN),
    ("wrapping token is not valid", BAD_LOGIN),
    ("invalid accessor", DEAD_ACCESSOR),
    ("invalid token", SESSION_OVER),
    ("bad token", SESSION_OVER),
    ("no handler for route", NO_MOUNT),
    ("Vault is sealed", SEALED),
    ("local node not active", STANDBY),
    ("Upgrading from non-versioned", UPGRADING),
    ("Waiting for the primary to upgrade", UPGRADING),
)

# What a code means for this one call; it takes precedence over the general meanings.
Meanings = Mapping[str, Callable[[], RotationError]]


def code_of(status: int, errors: object) -> str:
    """Our name for the answer; the status itself where nothing more is known."""
    texts = [text for text in errors if isinstance(text, str)] if isinstance(errors, list) else []
    for phrase, code in _PHRASES:
        if any(phrase in text for text in texts):
            return code
    return str(status)


def refused(
    status: int,
    code: str,
    call: str,
    *,
    repeatable: bool,
    retry_after: int | None = None,
) -> RotationError:
    """The error for an answer without success. call: method and path. repeatable: sending it again
    makes the same thing true, so a lost answer is no reason to look first."""
    if status == 429 or code == UPGRADING:
        return busy(call, retry_after)
    if code in _GENERAL:
        return _GENERAL[code](call)
    if code == DENIED or status == 403:
        return denied(call)
    if status == 404:
        return missing(call, code)
    if status >= 500:
        return no_answer(call, repeatable=repeatable)
    return Permanent(
        "vault.refused",
        f"Vault refuses {call} ({code}); nothing was done",
        "look the call up in Vault's audit log",
    )


def denied(call: str) -> Denied:
    return Denied(
        "vault.denied",
        f"we may not {call}",
        "compare our policies with `rotation policy vault`",
        action=call,
    )


def missing(call: str, code: str) -> NeedsPerson:
    what = "nothing is mounted there" if code == NO_MOUNT else "there is nothing"
    return NeedsPerson(
        "vault.missing",
        f"{call}: {what}",
        "correct mount, path and namespace, or run `pulumi up`",
    )


def sealed(call: str) -> Transient:
    return Transient(
        "vault.sealed",
        f"{call} was refused because Vault is sealed; nothing happened",
        "unseal Vault; what waits goes on by itself",
    )


def standby(call: str) -> Transient:
    return Transient(
        "vault.standby",
        f"{call} reached a standby that does not serve it; nothing happened",
        "set `address` to the active node, or name the nodes in `hosts`",
    )


def busy(call: str, retry_after: int | None) -> Transient:
    return Transient(
        "vault.throttled",
        f"{call} was postponed by Vault; nothing happened",
        "nothing to do: it is tried again, later",
        retry_after=retry_after,
    )


def session_over(call: str) -> Transient:
    return Transient(
        "vault.session-over",
        f"{call} was refused: our token is no longer valid; nothing happened",
        "nothing to do: we log in again",
    )


def unreachable(call: str) -> Transient:
    return Transient(
        "vault.unreachable",
        f"{call} was not sent: Vault cannot be reached",
        "look at network, name resolution and certificate authority of this host",
    )


def redirected(call: str, host: str) -> NeedsPerson:
    return NeedsPerson(
        "vault.redirect",
        f"{call} was sent on to {host}, which the connection does not name; it was not followed",
        "if it is a node of this cluster, add it to `hosts`",
    )


def no_answer(call: str, *, repeatable: bool) -> RotationError:
    if repeatable:
        return Transient(
            "vault.no-answer",
            f"{call} was not answered; it is safe to send again",
            "nothing to do: it is tried again",
        )
    return Ambiguous(
        "vault.no-answer",
        f"{call} was sent and not answered: it may have happened",
        "nothing to do: the world is read before anything else is sent",
    )


_GENERAL: Mapping[str, Callable[[str], RotationError]] = {
    SESSION_OVER: session_over,
    SEALED: sealed,
    STANDBY: standby,
    "472": standby,
    "473": standby,
}
