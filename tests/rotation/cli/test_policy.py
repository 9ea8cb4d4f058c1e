"""`rotation policy`: what is printed is what a person can hand to AWS."""

import json
from pathlib import Path

import pytest
import yaml
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
    reply = json.loads(done.stdout)
    assert {"aws-prod/mint", "aws-prod/boundary", "aws-prod/read-billing-production"} <= set(reply)


def test_one_document_stands_alone_so_that_it_can_be_handed_on(policy) -> None:
    reply = json.loads(policy("aws", "--holder", "revoke").stdout)
    assert reply["Version"] == "2012-10-17"
    assert {
        action for each in reply["Statement"] if each["Effect"] == "Allow"
        for action in each["Action"]
    } == {"iam:DeleteAccessKey", "iam:UpdateAccessKey"}  # fmt: skip


def test_a_program_gets_holder_and_document(policy) -> None:
    reply = json.loads(policy("aws", "--holder", "base", "-o", "json").stdout)
    assert (reply["kind"], reply["family"]) == ("policy", "aws")
    [document] = reply["documents"]
    assert document["holder"] == "base"
    assert "arn:aws:iam::111122223333:role/rotation-mint" in json.dumps(document["document"])


@pytest.mark.parametrize(
    ("words", "code"), [(["awss"], "plugin.unknown"), (["aws", "--holder", "x"], "policy.nothing")]
)
def test_what_is_not_there_is_said(policy, words: list[str], code: str) -> None:
    done = policy(*words)
    assert done.exit_code == 2
    assert code in done.output


# ------------------------------------------------------------------------------ a whole stack

STACK = {
    "runner": "arn:aws:iam::111122223333:role/runner",
    "deployer": "arn:aws:iam::111122223333:role/deployer",
    "emergency_roles": ["arn:aws:iam::111122223333:role/on-call"],
}


@pytest.fixture
def whole(policy, tmp_path: Path):
    """Of a file whose connections name no roles: the stack's are told by its bindings."""
    file = tmp_path / "rotation.yaml"
    raw = yaml.safe_load(file.read_text())
    for connection in raw["connections"].values():
        connection.pop("roles", None)
        connection.pop("external_id", None)
    file.write_text(yaml.safe_dump(raw))

    def run(stack: object, *words: str) -> Result:
        reply = tmp_path / "stack.yaml"
        reply.write_text(yaml.safe_dump(stack))
        return policy(*words, "--stack", str(reply))

    return run


def test_a_stack_prints_who_may_take_a_role(whole) -> None:
    reply = json.loads(whole(STACK, "aws", "--holder", "contain", "-o", "json").stdout)
    trust = next(each for each in reply["documents"] if each["kind"] == "trust")
    [statement] = [each for each in trust["document"]["Statement"] if "OnCall" in each["Sid"]]
    assert statement["Principal"] == {"AWS": STACK["emergency_roles"]}


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ({**STACK, "emergency_role": []}, "did you mean `emergency_roles`?"),
        ({}, "`runner` is missing"),
        ({**STACK, "operators": "me"}, "operators: a list is expected"),
        ({**STACK, "operators": ["arn:aws:iam::111122223333:role/*"]}, "without a wildcard"),
        ({**STACK, "tags": ["rotation:owner=me"]}, "`tags`: each is KEY=VALUE"),
        ([], "a mapping is expected"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_whole(whole, stack: object, said: str) -> None:
    done = whole(stack, "aws")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "policy.stack" in done.stderr
    assert not done.stdout


def test_a_stack_that_is_not_there(policy, tmp_path: Path) -> None:
    assert "policy.stack-unreadable" in policy("aws", "--stack", str(tmp_path / "no.yaml")).stderr


def test_a_family_that_needs_no_more_than_policies(whole) -> None:
    assert "policy.no-stack" in whole(STACK, "postgres").stderr


def test_terraform_is_a_whole_stack(policy, whole) -> None:
    assert "policy.terraform" in policy("aws", "--terraform").stderr
    assert "policy.terraform" in whole(STACK, "aws", "--terraform", "--holder", "mint").stderr
