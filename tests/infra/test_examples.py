"""The parts stand alone: each example is run as it is printed."""

import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import rotation
from infra.settings import ROOT
from tests.infra.stack import Cloud, Stack, up

EXAMPLES = ROOT / "infra" / "example"


@pytest.fixture
def example(tmp_path: Path) -> Callable[..., Stack]:
    """A copy, for who may write a configuration is the runner's rule."""
    for each in EXAMPLES.iterdir():
        if each.is_file():
            shutil.copy(each, tmp_path)
            (tmp_path / each.name).chmod(0o600)

    def run(name: str, cloud: Cloud | None = None) -> Stack:
        program = tmp_path / name
        made = up(program, {}, cloud, program=lambda: runpy.run_path(str(program)))
        assert not made.wrong
        return made

    return run


def kinds(stack: Stack) -> set[str]:
    return {
        each.token.rpartition(":")[2]
        for each in stack.resources
        if not each.token.startswith(("pulumi:", "rotation:"))
    }


ROLES = {"Policy", "Role", "RolePolicyAttachment"}
STORES = {"Alias", "Key", "ReplicaKey", "Secret", "SecretPolicy", "User", "Policy"}
WATCH = {
    "Alias", "Key", "ReplicaKey", "EventRule", "EventTarget", "MetricAlarm", "Topic", "TopicPolicy",
    "TopicSubscription", "Trail", "Bucket", "BucketPolicy", "BucketVersioning",
    "BucketPublicAccessBlock", "BucketObjectLockConfiguration",
    "BucketServerSideEncryptionConfiguration",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "declared"), [("roles.py", ROLES), ("stores.py", STORES), ("watch.py", WATCH)]
)
def test_a_part_stands_alone(example: Callable[..., Stack], name: str, declared: set[str]) -> None:
    assert kinds(example(name)) == declared


def test_the_parts_are_what_the_whole_is_made_of(example: Callable[..., Stack]) -> None:
    whole = example("installation.py")
    assert kinds(whole) == ROLES | STORES | WATCH
    assert set(whole.outputs) == {"bindings", "secrets", "topics"}
    roles = {each.name: dict(each.inputs) for each in whole.of("Role")}
    assert {each.name: dict(each.inputs) for each in example("roles.py").of("Role")} == roles


def test_a_part_of_vault_stands_alone(example: Callable[..., Stack]) -> None:
    there = dict.fromkeys(("apps", "rotation-pending", "auth/approle"), "of somebody else")
    made = example("vault.py", Cloud(mounts=there))
    assert kinds(made) == {"AuthBackend", "AuthBackendRole", "Policy"}
    [backend] = made.of("AuthBackend")
    assert backend.imported == "approle"


def test_what_is_not_there_is_said(example: Callable[..., Stack], tmp_path: Path) -> None:
    program = tmp_path / "roles.py"
    program.write_text(program.read_text().replace('scope("main")', 'scope("other")'))
    with pytest.raises(pulumi.RunError, match="no connection other"):
        example("roles.py")


@pytest.mark.parametrize("example_", sorted(each.name for each in EXAMPLES.glob("*.py")))
def test_every_example_is_in_its_list(example_: str) -> None:
    assert f"| `{example_}` |" in (EXAMPLES / "README.md").read_text()


def test_the_parts_are_a_distribution_of_their_own(tmp_path: Path) -> None:
    source = tmp_path / "infra"
    shutil.copytree(ROOT / "infra", source)
    (tmp_path / "rotation").mkdir()
    shutil.copy(ROOT / "rotation" / "__init__.py", tmp_path / "rotation")
    command: list[Any] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob(f"*-{rotation.__version__}-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {f"infra/{each.name}" for each in source.glob("*.py")}
