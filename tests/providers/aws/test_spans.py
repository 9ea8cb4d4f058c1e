import json
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from providers.aws.spans import DuplicateKeys, NotAnObject, members, replaced

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
objects = st.dictionaries(texts, values, max_size=5)
spaces = st.text(" \t\n\r", max_size=3)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict]:
    """An object as somebody may have typed it: any spacing, any escapes."""
    content = draw(objects)
    pieces = []
    for name, value in content.items():
        escaped = draw(st.booleans())
        key, item = (json.dumps(part, ensure_ascii=escaped) for part in (name, value))
        pieces.append(f"{draw(spaces)}{key}{draw(spaces)}:{draw(spaces)}{item}{draw(spaces)}")
    inner = ",".join(pieces) or draw(spaces)
    return f"{draw(spaces)}{{{inner}}}{draw(spaces)}", content


@given(written())
def test_members_are_what_json_reads(given_text: tuple[str, dict]):
    text, content = given_text
    spans = members(text)
    assert list(spans) == list(content)
    assert {name: json.loads(text[s.start : s.end]) for name, s in spans.items()} == content


@given(written(), st.dictionaries(texts, texts, max_size=3))
def test_replacing_changes_those_members_and_no_other(given_text, changed: dict[str, str]):
    text, content = given_text
    after = replaced(text, changed)
    assert json.loads(after) == {**content, **changed}
    before_spans, after_spans = members(text), members(after)
    for name in content.keys() - changed.keys():
        old, new = before_spans[name], after_spans[name]
        assert text[old.start : old.end] == after[new.start : new.end]


@given(written(), st.data())
def test_every_byte_outside_of_a_replaced_value_stays(given_text, data: st.DataObject):
    text, content = given_text
    assume(content)
    name = data.draw(st.sampled_from(sorted(content)))
    span = members(text)[name]
    after = replaced(text, {name: "new"})
    assert after == text[: span.start] + '"new"' + text[span.end :]


@given(written())
def test_replacing_nothing_changes_nothing(given_text):
    assert replaced(given_text[0], {}) == given_text[0]


@given(st.text(max_size=40) | st.text('{}[]":,\\0123456789.eE+-nulltruefalse \n', max_size=20))
def test_what_json_refuses_is_refused(text: str):
    try:
        content = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        content = None
    if isinstance(content, dict):
        with suppress(DuplicateKeys):
            assert members(text).keys() == content.keys()
    else:
        with pytest.raises(NotAnObject):
            members(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{,"a":1}',
        '{"a":1 "b":2}',
        '{"a":1}{}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        "{'a':1}",
        '{"a":"\n"}',
        '\ufeff{"a":1}',
        "{" * 100_000,
        '{"a":' + "[" * 100_000,
    ],
)
def test_what_is_no_object_is_refused(text: str):
    with pytest.raises(NotAnObject):
        members(text)


def test_a_refusal_carries_no_content():
    with pytest.raises(NotAnObject) as caught:
        members('{"canary": canary}')
    assert caught.value.__suppress_context__
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":2}}'])
def test_a_key_twice_is_refused(text: str):
    with pytest.raises(DuplicateKeys):
        members(text)


def test_a_number_longer_than_python_converts_is_left_alone():
    text = '{"n": ' + "9" * 10_000 + ', "a": "old"}'
    assert replaced(text, {"a": "new"}) == text.replace("old", "new")


def test_what_is_missing_is_appended():
    assert replaced("{ }", {"b": "1", "a": "2"}) == '{"a": "2", "b": "1" }'
    assert replaced('{"x":1 }', {"a": "2"}) == '{"x":1, "a": "2" }'
