"""HTTP bodies in and out: the query protocol of IAM and STS, the json protocol of the others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from providers.aws.testing import refusals

if TYPE_CHECKING:
    from providers.aws.testing.refusals import Refusal

Parameters = dict[str, Any]
Result = dict[str, Any]

_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response before the server adds `Date` and the length."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def read_call(service: str, request: Request) -> tuple[str, Parameters]:
    """The operation that a request names, and its parameters."""
    if service not in _NAMESPACES:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            parameters = json.loads(request.body or b"{}")
        except ValueError:
            raise refusals.Refusal("SerializationException", "Not a JSON document.") from None
        return operation, parameters
    form = parse_qsl(request.body.decode(), keep_blank_values=True)
    nested = _nest({name: value for name, value in form if name not in ("Action", "Version")})
    return dict(form).get("Action", ""), nested


def _nest(flat: dict[str, str]) -> Parameters:
    """`Tags.member.1.Key=a` becomes `{"Tags": [{"Key": "a"}]}`."""
    tree: Parameters = {}
    for name, value in flat.items():
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return {name: _listed(node) for name, node in tree.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node.keys() == {"member"}:
        members = node["member"]
        return [_listed(members[index]) for index in sorted(members, key=int)]
    return {name: _listed(child) for name, child in node.items()}


def answer(service: str, operation: str, result: Result) -> Response:
    """A result as the service writes it."""
    if service not in _NAMESPACES:
        return _json(200, result)
    body = (
        f'<{operation}Response xmlns="{_NAMESPACES[service]}"><{operation}Result>{_xml(result)}'
        f"</{operation}Result><ResponseMetadata><RequestId>{uuid4()}</RequestId>"
        f"</ResponseMetadata></{operation}Response>"
    )
    return Response(status=200, body=body.encode(), headers={"content-type": "text/xml"})


def refuse(service: str, refusal: Refusal) -> Response:
    """A refusal as the service writes it."""
    if service not in _NAMESPACES:
        return _json(
            refusal.status,
            {"__type": refusal.code, "message": refusal.message},
            {"x-amzn-errortype": refusal.code},
        )
    fault = "Sender" if refusal.status < 500 else "Receiver"
    body = (
        f'<ErrorResponse xmlns="{_NAMESPACES[service]}"><Error><Type>{fault}</Type>'
        f"<Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
        f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(status=refusal.status, body=body.encode(), headers={"content-type": "text/xml"})


def _json(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content, default=datetime.timestamp).encode()
    return Response(
        status=status,
        body=body,
        headers={"content-type": "application/x-amz-json-1.1", **(headers or {})},
    )


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{k}>{_xml(v)}</{k}>" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value))
