"""`rotation policy`: what is printed is what a person can hand to AWS."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rotation.cli.app import program

ROOT = Path(__file__).parents[3]


@pytest.fixture
def policy(tmp_path: Path):
    for file in (ROOT / "docs" / "example").iterdir():
        (tmp_path / file.name).write_text(file.read_text())

    def run(*words: str) -> Result:
        given = ["-c", str(tmp_path / "rotation.yaml"), "policy", *words]
        return CliRunner().invoke(program, given)

    return run


def test_all_documents_are_one_json_by_connection_and_name(policy) -> None:
    done = policy("aws")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {"aws-prod/mint", "aws-prod/boundary", "aws-prod/read-billing-production"} <= set(told)


def test_one_document_stands_alone_so_that_it_can_be_handed_on(policy) -> None:
    told = json.loads(policy("aws", "--holder", "revoke").stdout)
    assert told["Version"] == "2012-10-17"
    assert {
        action for each in told["Statement"] if each["Effect"] == "Allow"
        for action in each["Action"]
    } == {"iam:DeleteAccessKey", "iam:UpdateAccessKey"}  # fmt: skip


def test_a_program_gets_holder_and_document(policy) -> None:
    told = json.loads(policy("aws", "--holder", "base", "-o", "json").stdout)
    assert (told["kind"], told["family"]) == ("policy", "aws")
    [document] = told["documents"]
    assert document["holder"] == "base"
    assert "arn:aws:iam::111122223333:role/rotation-mint" in json.dumps(document["document"])


@pytest.mark.parametrize(
    ("words", "code"), [(["awss"], "plugin.unknown"), (["aws", "--holder", "x"], "policy.nothing")]
)
def test_what_is_not_there_is_said(policy, words: list[str], code: str) -> None:
    done = policy(*words)
    assert done.exit_code == 2
    assert code in done.output
