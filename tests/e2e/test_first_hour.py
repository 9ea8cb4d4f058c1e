"""The README's way to a first key of one's own, typed as it stands there, against strict AWS."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.calls import BY_USAGE
from providers.aws.testing import ADMIN, StrictControl
from tests.e2e.installation import DAY, MAIN

README = (Path(__file__).parents[2] / "README.md").read_text()
OURS = {"111122223333": "123456789012", "eu-west-1": "eu-central-1"}
"""What a reader replaces by what is theirs: the account and the region."""

FREE = {"sts:GetCallerIdentity"}
"""AWS allows it to everybody."""


def typed() -> list[str]:
    """Every command of the section, up to the first rotation."""
    section = README.partition("## Your own key")[2].partition("\n## ")[0]
    lines = re.findall(r"^\$ ([^#\n]*)", section, re.MULTILINE)
    last = next(n for n, line in enumerate(lines) if line.startswith("rotation rotate"))
    return [line.strip() for line in lines[: last + 1]]


def test_it_takes_few_commands() -> None:
    needed = [line for line in typed() if not re.match(r"rotation (config|plan|status)", line)]
    assert len(["git clone", *needed]) <= 8, needed


@pytest.mark.real
@pytest.mark.timeout(300)
def test_from_the_readme_to_a_rotated_key(aws: StrictControl, tmp_path: Path) -> None:
    user, secret = "billing", "prod/billing/aws"
    aws.client("iam").create_user(UserName=user)
    aws.client("secretsmanager").create_secret(Name=secret)
    aws.clock.advance(-30 * DAY)
    old = aws.out_of_band.create_key(user)
    content = {
        "AWS_ACCESS_KEY_ID": old["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": old["SecretAccessKey"],
    }
    aws.out_of_band.put_secret(secret, json.dumps(content))
    aws.clock.advance(30 * DAY)
    before = aws.oracle.called()
    place = tmp_path / "work"
    place.mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": ADMIN.access_key_id, "AWS_SECRET_ACCESS_KEY": ADMIN.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true", "ROTATION_CONFIG": str(place / "rotation.yaml"),
    }  # fmt: skip
    for line in typed():
        for example, ours in OURS.items():
            line = line.replace(example, ours)  # noqa: PLW2901 -- as a reader does
        if not line.startswith("rotation "):
            continue  # how it is installed and where the shell looks: done already
        done = rotation(line.removeprefix("rotation "), place, environment)
        if line.startswith("rotation plan"):
            assert "iam:CreateAccessKey" in done.stdout
        if line.startswith("rotation init"):
            edit(place / "rotation.yaml", aws.endpoint)
    now = json.loads(aws.oracle.value(secret) or "{}")
    assert now["AWS_ACCESS_KEY_ID"] != old["AccessKeyId"]
    assert aws.oracle.accepts(now["AWS_ACCESS_KEY_ID"], now["AWS_SECRET_ACCESS_KEY"])
    made = {f"{call['service']}:{call['operation']}" for call in aws.oracle.calls(since=before)}
    to_the_end = {call.name for call in BY_USAGE}
    assert (made | to_the_end) - FREE <= permitted(user, secret), "README's policy is not enough"


def permitted(user: str, secret: str) -> set[str]:
    """The actions of the README's policy, which names that user and that secret alone."""
    policy = json.loads(README.partition("```json\n")[2].partition("```")[0])
    keys, values = policy["Statement"]
    assert keys["Resource"].endswith(f":user/{user}")
    assert values["Resource"].endswith(f":secret:{secret}-??????")
    return {*keys["Action"], *values["Action"]}


def rotation(
    line: str, place: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *shlex.split(line)], cwd=place, env=environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done


def edit(file: Path, endpoint: str) -> None:
    """The one that only a strict AWS on this machine asks for: where it is, and that it is quick."""
    text = file.read_text()
    region = re.search(r"^    region: .*$", text, re.MULTILINE)
    assert region is not None
    file.write_text(
        text.replace(region[0], f"{region[0]}\n    endpoint: {endpoint}\n    settle: 1s")
    )
