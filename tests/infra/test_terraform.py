"""What `rotation policy --stack --terraform` prints is what `pulumi up` would declare, whole."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.infra.settings import ACCOUNT, AWS, KV, VAULT, secret, written
from tests.infra.terraform import assert_same, printed

APPROLE = KV.replace(
    "issuer: {{type: generated, kind: token, prefix: tok_, unverified: true}}",
    "issuer: {{type: vault-approle, connection: vault, mount: apps-login, role: Shop, uses: 9999}}\n"
    "    probe: {{type: vault-login, connection: vault, mount: apps-login}}",
)

TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:theirs"

THEIRS = f", name_prefix: acme, iam_path: /platform/, alarm_topics: ['{TOPIC}']"

OTHERS = {
    "tags": '["team=platform"]',
    "alarms": "false",
    "trail": "false",
    "roleBoundary": f"arn:aws:iam::{ACCOUNT}:policy/theirs",
    "userBoundary": f"arn:aws:iam::{ACCOUNT}:policy/theirs",
    "runner": f"arn:aws:iam::{ACCOUNT}:user/runner",
}


@pytest.mark.parametrize(
    ("more", "settings"),
    [
        ("", {}),
        ("", OTHERS),
        (f', kms_key: "arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-1"', {}),
        (THEIRS, {"trailBucket": "theirs", "alarmTargets": f'["{TOPIC}2"]'}),
    ],
)
def test_terraform_is_told_what_pulumi_declares(
    tmp_path: Path, more: str, settings: dict[str, str]
) -> None:
    file = written(tmp_path, secret(), secret(name="gone", state="retired"), more=more)
    assert_same(file, {**AWS, **settings}, "aws")


def test_the_last_secret_of_a_region_may_leave(tmp_path: Path) -> None:
    here = secret().replace(", replicas: [eu-west-1]", "")
    file = written(tmp_path, here, secret(name="gone", state="retired"))
    assert_same(file, AWS, "aws")


@pytest.mark.parametrize("settings", [{}, {"auditFile": "", "runnerCidrs": "[]"}])
def test_terraform_is_told_what_pulumi_declares_in_vault(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    gone = secret(KV, "gone", state="retired")
    file = written(tmp_path, secret(KV, "billing-token"), secret(APPROLE, "shop"), gone)
    assert_same(file, {**VAULT, **settings}, "vault")


@pytest.mark.skipif(which("terraform") is None, reason="terraform is not on PATH")
def test_terraform_reads_it(tmp_path: Path) -> None:
    """As far as it goes without the provider's plugin."""
    written(tmp_path, secret(), secret(name="a.b"))
    module = tmp_path / "module"
    module.mkdir()
    (module / "aws.tf.json").write_text(printed(tmp_path, AWS, "--terraform"))
    done = subprocess.run(["terraform", "get"], cwd=module, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_of_a_name_is_a_template(tmp_path: Path) -> None:
    written(tmp_path, secret())
    given = {**AWS, "tags": '["team=${path.module}%{if}"]'}
    reply = json.loads(printed(tmp_path, given, "--terraform"))
    [key] = reply["resource"]["aws_kms_key"].values()
    assert key["tags"]["team"] == "$${path.module}%%{if}"


def test_names_that_terraform_does_not_take_stay_apart(tmp_path: Path) -> None:
    written(tmp_path, secret(name="a.b"), secret(name="a-b"), secret(name="1st"))
    reply = json.loads(printed(tmp_path, AWS, "--terraform"))
    names = list(reply["resource"]["aws_secretsmanager_secret"])
    assert len(names) == 3
    assert all(re.fullmatch(r"[A-Za-z_][\w-]*", name) for name in names)


def test_what_exists_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, secret(), secret(name="new"))
    reply = json.loads(printed(tmp_path, {**AWS, "adopt": '["billing-iam"]'}, "--terraform"))
    assert list(reply["resource"]["aws_secretsmanager_secret"]) == ["new"]
    assert list(reply["resource"]["aws_iam_user"]) == ["new"]


def test_every_kind_of_document_is_printed(tmp_path: Path) -> None:
    written(tmp_path, secret())
    reply = json.loads(printed(tmp_path, AWS, "-o", "json"))["documents"]
    assert {each["kind"] for each in reply} == {
        "policy", "boundary", "trust", "secret policy", "key policy", "topic policy",
        "bucket policy", "rule",
    }  # fmt: skip
    names = [each["name"] for each in reply]
    assert len(names) == len(set(names))
