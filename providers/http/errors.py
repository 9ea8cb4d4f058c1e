"""Translates HTTP answers into `rotation.errors`, by their status and never with their text.

A service's texts are not even read: some repeat the key that they refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rotation.errors import (
    Ambiguous,
    Conflict,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
)
from rotation.runtime.headers import retry_after


class Gone(Conflict):
    def __init__(self, handle_id: str) -> None:
        super().__init__(
            "http.gone",
            f"{handle_id} is gone; somebody else deleted it",
            "find out who, in the service's audit log",
        )


@dataclass(frozen=True, slots=True)
class Call:
    """what: the call in our words. needs: the permission in the service's words. repeatable:
    sending it again makes the same thing true."""

    what: str
    needs: str = ""
    repeatable: bool = True


def from_status(call: Call, status: int, headers: Mapping[str, str]) -> RotationError:
    """What an answer without success means."""
    if status == 429 or (status == 403 and "retry-after" in headers):
        return throttled(call, headers)
    if status >= 500 or status == 408:
        return no_answer(call, headers)
    if 300 <= status < 400:
        return _redirected(call, status)
    if status == 401:
        return Denied(
            "http.credentials",
            f"{call.what}: the service does not accept our own credential ({status})",
            "renew the file that the connection's `credentials:` names",
        )
    if status == 403:
        return Denied(
            "http.denied",
            f"we may not {call.what} ({status})",
            f"our own credential needs {call.needs or 'the permission for it'}",
        )
    if status in {404, 410}:
        return NeedsPerson(
            "http.not-found",
            f"{call.what}: there is no such path ({status}); nothing happened",
            "correct `parameters:` or the connection; some services hide what we may not see",
        )
    return Permanent(
        "http.refused",
        f"the service refuses to {call.what} ({status})",
        "look at the declaration and the parameters; the service's text is not kept",
    )


def throttled(call: Call, headers: Mapping[str, str]) -> Transient:
    return Transient(
        "http.throttled",
        f"{call.what} was throttled; nothing happened",
        "nothing to do: it is tried again, later",
        retry_after=seconds_to_wait(headers),
    )


def unreachable(what: str) -> Transient:
    return Transient(
        "http.unreachable",
        f"{what} was not sent: the service cannot be reached",
        "look at network, certificate and firewall of this host",
    )


def no_answer(call: Call, headers: Mapping[str, str] | None = None) -> RotationError:
    if call.repeatable:
        return Transient(
            "http.no-answer",
            f"{call.what} was not answered; it is safe to send again",
            "nothing to do: it is tried again",
            retry_after=seconds_to_wait(headers or {}),
        )
    return Ambiguous(
        "http.no-answer",
        f"{call.what} was sent and not answered: it may have happened",
        "nothing to do: the list is read before anything else is sent",
    )


def bad_answer(call: Call) -> RotationError:
    if call.repeatable:
        return Transient(
            "http.bad-answer",
            f"{call.what}: the answer is not what the declaration says",
            "look at the declaration, and whether a proxy answers instead of the service",
        )
    return Ambiguous(
        "http.bad-answer",
        f"{call.what}: the answer is not what the declaration says; it may have happened",
        "look at the declaration; the list is read before anything else is sent",
    )


def _redirected(call: Call, status: int) -> RotationError:
    """A redirect is never followed, because the credential would go along. After a 307 or 308
    nothing has happened yet; other redirects may follow something that was done."""
    if not call.repeatable and status not in {307, 308}:
        return no_answer(call)
    return NeedsPerson(
        "http.redirected",
        f"{call.what} was answered with a redirect ({status}), which is not followed",
        "put the service's present address into the connection",
    )


def seconds_to_wait(headers: Mapping[str, str]) -> int | None:
    return retry_after(headers.get("retry-after", ""), headers.get("date", ""))
