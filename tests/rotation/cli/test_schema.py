"""`schema`: what a program may rely on. That every document is as its schema says is looked at in
every test of the command line that prints one."""

import json

import pytest
from click.testing import CliRunner

from rotation.cli.app import program
from rotation.cli.documents import SHAPES
from tests.support.shapes import mismatches


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(program, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_without_a_kind_the_kinds_are_listed() -> None:
    assert run("schema") == (0, "".join(f"{kind}\n" for kind in sorted(SHAPES)), "")
    assert json.loads(run("schema", "-o", "json")[1])["kinds"] == sorted(SHAPES)


@pytest.mark.parametrize("kind", SHAPES)
def test_each_kind_has_a_schema_that_knows_a_document_of_another(kind: str) -> None:
    schema = json.loads(run("schema", kind)[1])
    other = {"schema_version": 1, "kind": "nonsense"}
    assert any("kind" in found for found in mismatches(other, schema))


def test_a_kind_that_nobody_knows_is_told_with_the_nearest() -> None:
    code, out, err = run("schema", "statsu")
    assert (code, out) == (6, "")
    assert "did you mean status?" in err
