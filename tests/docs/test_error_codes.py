"""docs/error_codes.py reads from the code what is printed."""

import importlib
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def raised() -> dict[tuple[str, str], str]:
    """Of a made-up module: the step by code and message."""
    sys.path.insert(0, str(DOCS))
    try:
        error_codes, ast = map(importlib.import_module, ("error_codes", "ast"))
    finally:
        sys.path.remove(str(DOCS))
    tree = ast.parse(CODE)
    module = error_codes.Module(tree, error_codes.Product((tree,)), {})
    return {(each.code, each.message): each.hint for each in error_codes._in_module(module)}


CODE = """
class Gone(Permanent):
    pass

def void(code: str, message: str) -> Transient:
    return Transient(code, message)

def _hint(name: str) -> str:
    if name:
        return "name it"
    return "leave it out"

def act(error: Exception) -> None:
    _problem("a.mistake", "this is wrong")
    Gone("a.gone", f"it broke: {type(error).__name__}")
    void("a.void", "nothing was left")
    Refused("a.chosen", "no", "yes" if error else "perhaps")
    Refused("a.returned", "no", _hint("it"))
    hint = "the first"
    Refused("a.first", "no", hint)
    hint = "the second"
    Refused("a.second", "no", hint)
    Refused("a.elsewhere", "no", error.hint)
    Finding(name, "it is left", Grade.WRONG, "a.finding", "take it away")
    _files("one.sql", "two.sql")
    frozenset(("a.code", "another.code"))
"""


@pytest.mark.parametrize(
    ("code", "message", "step"),
    [
        ("a.mistake", "this is wrong", ""),
        ("a.gone", "it broke: {name}", "`rotation status NAME` says what works now"),
        ("a.void", "nothing was left", "try again"),
        ("a.chosen", "no", "yes *or* perhaps"),
        ("a.returned", "no", "name it *or* leave it out"),
        ("a.first", "no", "the first"),
        ("a.second", "no", "the second"),
        ("a.elsewhere", "no", "depends on what was found"),
        ("a.finding", "it is left", "take it away"),
    ],
)
def test_a_code_is_shown_with_what_is_printed(
    raised: dict[tuple[str, str], str], code: str, message: str, step: str
) -> None:
    assert raised[code, message].startswith(step)
    assert bool(raised[code, message]) == bool(step)


def test_what_is_no_sentence_is_no_error(raised: dict[tuple[str, str], str]) -> None:
    assert {code for code, _ in raised} == {
        f"a.{name}"
        for name in [
            "mistake",
            "gone",
            "void",
            "chosen",
            "returned",
            "first",
            "second",
            "elsewhere",
            "finding",
        ]
    }
