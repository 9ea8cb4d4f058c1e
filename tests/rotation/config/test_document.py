"""The text of the file: YAML 1.2's core schema and nothing beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.config import document

TEXTS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))).filter(
    lambda text: "\ufeff" not in text
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("10:30", "10:30"),
        ("190:20:30", "190:20:30"),
        ("2026-12-20", "2026-12-20"),
        ("0777", 777),
        ("0o777", 511),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("true", True),
        ("True", True),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("-12", -12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5m", "5m"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("0f3a9c2b71de", "0f3a9c2b71de"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert document.parse(f"key: {text}") == ({"key": value}, [], {})


@given(VALUES)
def test_json_is_yaml(value: object) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    assert document.parse(text)[:2] == ({"value": value}, [])


def test_an_anchor_repeats_its_value() -> None:
    value, problems, _ = document.parse("a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n")
    assert value == {"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}, {"b": [1]}]}
    assert not problems


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "config.duplicate-key"),
        ("a:\n  b: 1\n  'b': 2\n", 3, "config.duplicate-key"),
        ("a: 1\nb: !!str 2\n", 2, "config.tag"),
        ("a: !secret x\n", 1, "config.tag"),
        ("a: [1\n", 2, "config.syntax"),
        ("a: 1\n\tb: 2\n", 2, "config.syntax"),
        ("a: 1\n---\nb: 2\n", 2, "config.syntax"),
        ("%YAML 1.1\n---\na: 1\n", 1, "config.syntax"),
        ("? [a]\n: 1\n", 1, "config.syntax"),
        ("a: *nowhere\n", 1, "config.syntax"),
        ("a: &x [*x]\n", 1, "config.syntax"),
        ("a: \x07\n", 1, "config.syntax"),
        ("a: " + "[" * 30 + "]" * 30, 1, "config.syntax"),
    ],
)
def test_what_is_refused_is_refused_where_it_stands(text: str, line: int, code: str) -> None:
    _, problems, _ = document.parse(text)
    assert [(at, problem.code) for at, problem in problems] == [(line, code)]


def test_aliases_cannot_grow_without_end() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    value, problems, _ = document.parse(f"a0: &a0 [x]\n{levels}\n")
    assert value is None
    assert problems[-1][1].message == "aliases repeat too much"


def test_lines_are_those_of_the_keys_and_of_the_items() -> None:
    text = "a:\n  b:\n    - 1\n    - c: 2\n      d:\n        3\n"
    asked = [("a",), ("a", "b", 0), ("a", "b", 1), ("a", "b", 1, "d"), ("a", "b", 1, "gone"), ()]
    assert document.lines(text, asked) == {
        ("a",): 1,
        ("a", "b", 0): 3,
        ("a", "b", 1): 4,
        ("a", "b", 1, "d"): 5,
        ("a", "b", 1, "gone"): 4,
        (): 1,
    }
