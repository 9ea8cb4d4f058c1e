"""Approvals as they are installed: a configuration and a journal on disk, keys of ssh-keygen, strict AWS."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from providers.aws.testing import StrictControl, spawn_strict_aws
from rotation.cli.app import program
from tests.e2e.installation import Installation, wait_for
from tests.support.approvers import People, people


@pytest.fixture(scope="module")
def control() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def made(tmp_path: Path) -> People:
    return people(tmp_path / "people")


def installed(root: Path, aws: StrictControl, made: People, more: str = "") -> Installation:
    root.mkdir(mode=0o700)
    own = pwd.getpwuid(os.getuid()).pw_name
    made.allow("bob", "carol", "own")
    found = Installation(root, aws, user=f"approved-{root.name}", secret=f"approved/{root.name}")
    found.furnish()
    approvers = f"{{id: bob}}, {{id: carol}}, {{id: own, os_user: {own}}}"
    found.write(
        f"approvals: {{allowed_signers: {made.signers}, approvers: [{approvers}]}}\n" + more
    )
    text = found.configuration.read_text()
    asks = "soak: 0s, approvals: {destroy: 2}}"
    assert "soak: 0s}" in text
    found.configuration.write_text(text.replace("soak: 0s}", asks))
    return found


def run(installation: Installation, *words: str) -> Result:
    return CliRunner().invoke(program, ["-c", str(installation.configuration), *words])


def test_two_people_let_the_old_key_go(
    control: StrictControl, made: People, tmp_path: Path
) -> None:
    app = installed(tmp_path / "two", control, made)
    waits = run(app, "rotate", "app", "--wait")
    assert waits.exit_code == 11, waits.output
    assert len(app.keys()) == 2
    for name in ("own", "bob", "bob", "carol"):
        done = run(app, "approve", "app", "--as", name, "--key", str(made.key(name)))
        refused = name == "own" or (name == "bob" and "agreed to this already" in done.output)
        assert (done.exit_code == 5) is refused, done.output
        if name != "carol":
            assert run(app, "run").exit_code in (0, 11)
            assert len(app.keys()) == 2
    done = run(app, "run", "--wait")
    assert done.exit_code == 0, done.output
    assert app.is_whole()
    assert "approvals" in run(app, "doctor").output
    assert run(app, "journal", "check").exit_code == 0


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_live_serve_asks_and_goes_on_by_itself(
    control: StrictControl, made: People, tmp_path: Path
) -> None:
    app = installed(tmp_path / "served", control, made)
    served = app.serve()
    wait_for(lambda: "destroy: 0 of 2" in run(app, "approvals").output, "the question")
    for name in ("bob", "carol"):
        done = run(app, "approve", "app", "--as", name, "--key", str(made.key(name)))
        assert done.exit_code == 0, done.output
    wait_for(lambda: len(app.keys()) == 1, "the end of the old key")
    served.end()
    assert [app.current()["id"]] == app.keys()
