"""Fills placeholders. In a path each value becomes one encoded segment; in a body it is replaced
inside the parsed document, so that no value can become syntax."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from providers.http.client import Sent
from providers.http.declaration import PLACEHOLDER, Login, Request
from providers.http.pointer import MISSING, find
from rotation.errors import Denied, Permanent
from rotation.types import SecretValue

Values = Mapping[str, Any]


def sent(
    request: Request,
    values: Values,
    login: Login,
    credentials: Mapping[str, SecretValue],
    headers: Mapping[str, str] | None = None,
) -> Sent:
    """The request as it will be sent. Only its login can use credentials."""
    known = {**values, **{name: value.reveal() for name, value in credentials.items()}}
    try:
        given = {name: text(value, known) for name, value in login.headers.items()}
        pair = tuple(text(value, known) for value in login.basic or login.digest)
    except KeyError:
        raise Denied(
            "http.no-credential",
            "the connection has no credential of the name that the login asks for",
            "add it to the connection's `credentials:`",
        ) from None
    return Sent(
        method=request.method,
        path=path(request.path, values),
        headers={**(headers or {}), **given},
        document=None if request.body is None else body(request.body, values),
        login=(pair[0], pair[1]) if pair else None,
        uses_digest=bool(login.digest),
    )


def path(template: str, values: Values) -> str:
    return PLACEHOLDER.sub(lambda match: quote(str(values[match[1]]), safe=""), template)


def body(template: str, values: Values) -> Any:
    """The document. A member whose item placeholder finds nothing is left out."""
    try:
        return _replaced(json.loads(template), values)
    except ValueError:
        raise Permanent(
            "http.parameter",
            "a parameter cannot be written in the form that the declaration's body asks for",
            "correct `parameters:`",
        ) from None


def text(template: str, values: Values) -> str:
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)


def _replaced(node: Any, values: Values) -> Any:
    match node:
        case dict():
            members = {name: _replaced(value, values) for name, value in node.items()}
            return {name: value for name, value in members.items() if value is not MISSING}
        case list():
            return [_replaced(value, values) for value in node]
        case str() if whole := PLACEHOLDER.fullmatch(node):
            return _valued(whole[1], whole[2] or "", values)
        case str():
            return text(node, values)
        case _:
            return node


def _valued(name: str, form: str, values: Values) -> Any:
    if name == "item":
        return find(values["item"], form)
    value = values[name]
    return _FORMS[form](value) if form else _plain(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "json": json.loads,
    "date": lambda expires: f"{expires['at'].astimezone(UTC):%Y-%m-%d}",
    "time": lambda expires: _instant(expires["at"]),
    "seconds": lambda expires: expires["seconds"],
}
