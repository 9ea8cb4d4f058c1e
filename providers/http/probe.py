"""A declared login: one request that the service accepts, refuses, or does not answer."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from providers.http import errors, template
from providers.http.client import Answer, Budget
from providers.http.errors import Call
from providers.http.pointer import MISSING, find
from rotation.errors import NeedsPerson, Permanent, Transient
from rotation.types import Fields, SecretValue, Verdict

if TYPE_CHECKING:
    from providers.http.client import HttpConnection
    from providers.http.options import ProbeOptions
    from rotation.interfaces import PluginContext

_CALL = Call("log in")
_ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


class HttpProbe:
    """Shows that the service accepts the credential and allows this one request."""

    def __init__(self, options: ProbeOptions, context: PluginContext) -> None:
        self._connection: HttpConnection = context.connections[options.connection]
        self._attempt = options.declared
        self._parameters = options.parameters

    def login(self, fields: Fields) -> Verdict:
        return self._try(fields, _secret(fields))

    def wrong(self, fields: Fields) -> Verdict:
        return self._try(fields, SecretValue(_altered(_secret(fields).reveal())))

    def _try(self, fields: Fields, secret: SecretValue) -> Verdict:
        values = {**self._parameters, **fields.public}
        sent = template.sent(self._attempt, values, self._attempt.login, {"secret": secret})
        answer = self._connection.send(sent, _CALL, Budget())
        if answer.status in self._attempt.refused:
            return Verdict.REFUSED
        if answer.status in self._attempt.accepted:
            return self._accepted(answer)
        raise _no_verdict(answer)

    def _accepted(self, answer: Answer) -> Verdict:
        """A page with status 200 is no login where the declaration expects more."""
        if not self._attempt.expects:
            return Verdict.ACCEPTED
        document = answer.document(_CALL)
        for pointer, text in self._attempt.expects.items():
            value = find(document, pointer)
            if value is MISSING:
                raise errors.bad_answer(_CALL)
            if _text(value) != text:
                return Verdict.REFUSED
        return Verdict.ACCEPTED


def _no_verdict(answer: Answer) -> Transient | NeedsPerson:
    """Neither accepted nor refused. Waiting helps where the service has trouble; otherwise a person
    has to."""
    if answer.status == 429:
        return errors.throttled(_CALL, answer.headers)
    if answer.status >= 500 or answer.status == 408:
        return Transient(
            "http.no-answer",
            f"the login was not answered ({answer.status}), which says nothing",
            "nothing to do: it is tried again",
        )
    return NeedsPerson(
        "http.no-verdict",
        f"the login was answered with {answer.status}, which the declaration does not know",
        "declare a request that this credential may make, or what that status means",
    )


def _secret(fields: Fields) -> SecretValue:
    try:
        return fields.secret["secret"]
    except KeyError:
        raise Permanent(
            "probe.missing-field",
            "http-api logs in with the field `secret`, and it is missing",
            "name it in the secret's `fields:`",
        ) from None


def _altered(text: str) -> str:
    """Replaces the last letter or digit with another one of its kind: still well formed, but
    wrong."""
    for place in range(len(text) - 1, -1, -1):
        for alphabet in _ALPHABETS:
            if text[place] in alphabet:
                other = alphabet[(alphabet.index(text[place]) + 1) % len(alphabet)]
                return text[:place] + other + text[place + 1 :]
    return text + "x"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower()
