"""What is printed fits a terminal: no word is broken, and the least important columns go first."""

import json
import sys

import click
import pytest

from rotation.cli import output
from rotation.cli.output import Cell, table
from rotation.types import SecretValue

HEAD = ("secret", "class", "where it stands")
ROWS = [[Cell("billing-iam-in-production"), Cell("production"), Cell("by its age " * 4)]]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "columns", lambda stream: 80)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f", "\x9b", "\x85", "\ufeff"])
def test_nothing_that_is_printed_steers_who_looks_at_it(character: str) -> None:
    """Neither in text, nor in JSON, which is the same JSON all the same."""
    name = f"billing{character}tsil"
    assert character not in output.plain(name)
    document = {"schema_version": 1, "kind": "schemas", "kinds": [name]}
    assert character not in output.written(document)
    reply = output.escaped(json.dumps({"name": name}, ensure_ascii=False))
    assert character not in reply
    assert json.loads(reply)["name"] == name
    assert output.escaped('"Zürich, 東京"') == '"Zürich, 東京"'


def test_what_somebody_named_adds_no_line() -> None:
    assert output.plain("a\nFORGED\n\tb") == "a FORGED  b"
    assert output.plain_lines("ours\nb\tc") == "ours\nb c"


@pytest.mark.usefixtures("narrow")
def test_a_long_line_is_broken_between_words_and_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    words = "works now: AKIAIOSFODNN7EXAMPLE works, and readers get it; " * 4
    text = output.fitted(f"    {click.style(words, fg='red')}", sys.stdout)
    lines = click.unstyle(text).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("      ") for line in lines[1:])
    assert " ".join(click.unstyle(text).split()) == " ".join(words.split())


@pytest.mark.usefixtures("narrow")
def test_columns_go_by_rank_until_the_rest_fits() -> None:
    wide = [[*row[:2], Cell("x" * 45)] for row in ROWS]
    head, _ = map(click.unstyle, table(HEAD, wide, spare=("class",)))
    assert head.split() == ["secret", "where", "it", "stands"]
    assert "class" in table(HEAD, [[*ROWS[0][:2], Cell("short")]], spare=("class",))[0]


def test_elsewhere_nothing_is_broken_or_left_out() -> None:
    assert "class" in table(HEAD, ROWS, spare=("class",))[0]
    assert output.fitted("word " * 100, sys.stdout) == "word " * 100


def test_a_line_with_a_secret_in_it_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    secret = SecretValue("canary-of-a-vendor")
    reply = f"the vendor says: invalid key {secret.reveal()}"
    output.result(reply)
    output.note(reply)
    output.as_json("error", {"error": {"code": "vendor.odd", "message": reply, "hint": None}})
    captured = capsys.readouterr()
    assert secret.reveal() not in captured.out + captured.err
    assert captured.out.count(output.LEFT_OUT) == 2
    assert "vendor.odd" in captured.out
