"""Whatever a service answers, an adapter raises only errors of ours, and none holds a secret."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.http import template
from providers.http.client import Answer, HttpConnection
from providers.http.issuer import HttpApiIssuer
from providers.http.options import ConnectionOptions, ProbeOptions
from providers.http.pointer import MISSING, find, find_all
from providers.http.probe import HttpProbe
from providers.http.testing.acme import PROBE
from rotation.errors import RotationError
from rotation.runtime.clock import SystemClock
from rotation.types import Credential, Fields, SecretValue, contains_live_value
from tests.support.http import ATTEMPT, INSTALLATION, context, declared

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
VALUES = JSON | st.sampled_from(
    ["key-7", "..", "a-secret-of-12", "billing", "2026-01-01T00:00:00Z", "2026-13-01", 10**30, -1]
)
MEMBERS = "id key name created expires scopes owner last_used enabled"
ITEM = st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS.split(), VALUES))
STATUS = st.sampled_from(
    [200, 200, 200, 201, 204, 302, 307, 400, 401, 403, 404, 409, 429, 500, 503]
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"retry-after": st.text(max_size=9), "date": st.text(max_size=9),
                  "link": st.text(max_size=20)}
)  # fmt: skip
BODY = (
    st.builds(lambda item: json.dumps({"key": item}).encode(), ITEM)
    | st.builds(lambda items: json.dumps({"keys": items}).encode(), st.lists(ITEM, max_size=3))
    | st.builds(lambda document: json.dumps(document).encode(), JSON)
    | st.binary(max_size=40)
    | st.just(b"[" * 100_000)
)
ANSWER = st.builds(lambda s, h, b: Answer(status=s, headers=h, body=b), STATUS, HEADERS, BODY)


@pytest.fixture(scope="module")
def connection() -> HttpConnection:
    options = ConnectionOptions(origin="https://vendor.example")
    return HttpConnection(options, installation=INSTALLATION, clock=SystemClock())


def answering(answers: list[Answer]) -> Any:
    """The given ones in turn, the last one again and again."""
    left = list(answers)
    credentials = {"token": SecretValue("token-of-ours")}
    return patch.multiple(
        HttpConnection,
        send=lambda *_: left.pop(0) if len(left) > 1 else left[0],
        credentials=lambda *_: credentials,
    )


@settings(max_examples=100)
@given(answers=st.lists(ANSWER, min_size=1, max_size=5))
def test_an_issuer_raises_only_what_is_ours(
    connection: HttpConnection, answers: list[Answer]
) -> None:
    issuer = HttpApiIssuer(declared(), context(connection))
    calls = (
        lambda: issuer.issue(ATTEMPT),
        issuer.listing,
        lambda: issuer.usage("key-7"),
        lambda: issuer.suspend("key-7"),
        lambda: issuer.destroy("key-7"),
    )
    for call in calls:
        with answering(answers):
            made = outcome_of(call)
        assert not contains_live_value(
            f"{made} {vars(made)}" if isinstance(made, Exception) else ""
        )
        if isinstance(made, Credential):
            assert made.handle.mark is not None
            assert not contains_live_value(made.handle.id)


def outcome_of(call: Callable[[], Any]) -> Any:
    """What comes of it, an error of ours included."""
    try:
        return call()
    except RotationError as error:
        return error


@settings(max_examples=100)
@given(answer=ANSWER)
def test_a_probe_raises_only_what_is_ours(connection: HttpConnection, answer: Answer) -> None:
    request: Any = PROBE
    probe = HttpProbe(ProbeOptions(connection="vendor", request=request), context(connection))
    fields = Fields(public={"id": "key-7"}, secret={"secret": SecretValue("a-secret-of-12")})
    with answering([answer]), suppress(RotationError):
        probe.login(fields)


@given(document=JSON, pointer=st.text("/~01a*-", max_size=12))
def test_a_pointer_finds_or_does_not(document: Any, pointer: str) -> None:
    find(document, pointer)
    find_all(document, pointer)


def test_pointers_are_those_of_the_standard() -> None:
    """RFC 6901, 5."""
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5,
                'k"l': 6, " ": 7, "m~n": 8}  # fmt: skip
    expected = {
        "": document, "/foo": ["bar", "baz"], "/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2,
        "/e^f": 3, "/g|h": 4, "/i\\j": 5, '/k"l': 6, "/ ": 7, "/m~0n": 8,
    }  # fmt: skip
    for pointer, value in expected.items():
        assert find(document, pointer) == value
    for pointer in ("/foo/2", "/foo/-", "/foo/00", "/foo/bar", "/nothing", "/foo/0/0"):
        assert find(document, pointer) is MISSING
    assert find_all([{"a": 1}, {"a": 2}], "/*/a") == [1, 2]
    assert find_all([{"a": 1}, {}], "/*/a") is None
    assert find_all({"a": 1}, "/*/a") is None


@given(label=st.text(max_size=20), team=st.text(min_size=1, max_size=20))
def test_no_value_becomes_syntax(label: str, team: str) -> None:
    values = {"label": label, "team": team, "scopes": (label,)}
    body = '{"name": "{label}", "note": "of {team}!", "scopes": "{scopes}"}'
    document = json.loads(json.dumps(template.body(body, values)))
    assert document == {"name": label, "note": f"of {team}!", "scopes": [label]}
    path = template.path("/v1/{team}/keys?of={team}", values)
    assert path.count("/") == 3
    assert path.count("?") == path.count("=") == 1
    assert "&" not in path and "#" not in path and " " not in path
