"""Who may approve, and what a class asks for."""

from pathlib import Path

import pytest

from rotation.config import load
from rotation.config.findings import ConfigInvalid
from tests.rotation.config.files import VALID

PEOPLE = """\
approvals:
  allowed_signers: approvers
  approvers: [{id: alice, os_user: al}, {id: bob@example.com}]
"""
ASKS = "classes: {production: {approvals: {destroy: 2, promote: 1, emergency: 1, expire: 12h}}}\n"


def found(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    path = tmp_path / "rotation.yaml"
    path.write_text(text)
    try:
        load(path)
    except ConfigInvalid as error:
        return [(each.path, each.message) for each in error.errors]
    return []


def test_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rotation.yaml"
    path.write_text(VALID + PEOPLE + ASKS)
    configuration = load(path)
    assert configuration.approvals is not None
    assert [each.user for each in configuration.approvals.approvers] == ["al", "bob@example.com"]
    assert configuration.allowed_signers == tmp_path / "approvers"
    entry = configuration.secret("billing-iam")
    assert entry is not None
    demands = configuration.demands(entry)
    assert demands is not None
    assert (demands.destroy, demands.expire_s) == (2, 43_200)


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (ASKS, "classes.production.approvals", "2 have to agree, and only 0 may"),
        (
            PEOPLE + ASKS.replace("destroy: 2", "destroy: 3"), "classes.production.approvals",
            "3 have to agree, and only 2 may",
        ),
        (
            PEOPLE + ASKS.replace("destroy: 2", "by: [alice], destroy: 2"),
            "classes.production.approvals", "2 have to agree, and only 1 may",
        ),
        (
            PEOPLE + ASKS.replace("destroy: 2", "by: [alice, bob@example.com, eve], destroy: 2"),
            "classes.production.approvals.by", "`approvals:` has no approver eve",
        ),
        (PEOPLE + ASKS.replace("12h", "1m"), "classes.production.approvals.expire", "from 5m to 30d"),
        (
            PEOPLE + ASKS.replace("destroy: 2, promote: 1, emergency: 1, ", ""),
            "classes.production.approvals", "destroy: at least one of the steps",
        ),
        (
            PEOPLE.replace("bob@example.com", "alice"), "approvals.approvers",
            "each person once, as one user",
        ),
        (
            PEOPLE.replace("bob@example.com", "al"), "approvals.approvers",
            "each person once, as one user",
        ),
        (PEOPLE.replace("alice", '"*"'), "approvals.approvers[0].id", "at most 63 of"),
        (
            PEOPLE.replace("os_user: al", 'aws: "arn:aws:iam::111122223333:user/alice"'),
            "approvals.approvers[0].aws", "`aws` is not enforced by this version",
        ),
        (
            PEOPLE.replace("os_user: al", "vault: 5d1c"), "approvals.approvers[0].vault",
            "`vault` is not enforced by this version",
        ),
    ],
)  # fmt: skip
def test_what_nobody_could_keep_is_refused(tmp_path: Path, text: str, path: str, said: str) -> None:
    [(where, message)] = found(tmp_path, VALID + text)
    assert where == path
    assert said in message
