"""`config diff OLD`: for a pull request and its job."""

import json
from pathlib import Path

import pytest
import yaml

from rotation.runtime import process
from tests.support.configured import file, reply, run

__all__ = ["file"]


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "harden", lambda: None)


@pytest.fixture
def old(file: Path) -> Path:
    before = file.parent.parent / "main"
    before.mkdir(mode=0o700)
    copy = before / "rotation.yaml"
    copy.write_text(file.read_text())
    copy.chmod(0o600)
    return copy


def changed(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_the_same_is_exit_0(file: Path, old: Path) -> None:
    done = run(file, "config", "diff", str(old))
    assert (done.exit_code, done.stdout) == (0, "both configurations say the same\n")
    assert "Both configurations say the same." in run(
        file, "config", "diff", str(old), "--format", "markdown"
    ).stdout  # fmt: skip


def test_a_change_that_gives_nobody_anything_is_exit_0_and_is_shown(file: Path, old: Path) -> None:
    changed(file, "refresh: 5m", "refresh: 6m")
    done = run(file, "config", "diff", str(old))
    assert done.exit_code == 0
    assert "changed  prod-billing: consumers" in done.stdout
    assert "nobody gains" in done.stdout


def test_a_gain_is_exit_1_in_every_format(file: Path, old: Path) -> None:
    changed(file, "region: eu-west-1", "region: us-east-1")
    done = run(file, "config", "diff", str(old))
    assert done.exit_code == 1
    assert "gains    a host  the installation: connections.aws.region: us-east-1" in done.stdout
    assert "moves    prod-billing: place: " in done.stdout
    found = reply(file, "config", "diff", str(old), code=1)
    assert {gain["kind"] for gain in found["gains"]} == {"a host", "a sink"}
    assert found["due"] == []
    shown = run(file, "config", "diff", str(old), "--format", "markdown")
    assert shown.exit_code == 1
    assert "| **a host** | `the installation` |" in shown.stdout


def test_a_refused_file_is_exit_2(file: Path, old: Path) -> None:
    old.write_text("nonsense: true\n")
    assert run(file, "config", "diff", str(old)).exit_code == 2
    assert run(file, "config", "diff", "/nowhere/rotation.yaml").exit_code == 2
    assert run(file, "config", "diff", "--format", "markdown").exit_code == 2


def test_without_a_journal_it_says_what_it_does_not_know(file: Path, old: Path) -> None:
    changed(file, "refresh: 5m", "refresh: 6m")
    (file.parent.parent / "journal.db").unlink()
    done = run(file, "config", "diff", str(old))
    assert done.exit_code == 0
    assert "which become due at once is not known here" in done.stdout
    assert reply(file, "config", "diff", str(old))["due"] is None


def test_what_a_pull_request_contains_is_shown_and_not_rendered(file: Path, old: Path) -> None:
    """A comment is written with the job's rights: a value must not become a link or a mention."""
    evil = "a|b `@everyone` ![x](https://evil.example) <img src=x>"
    file.write_text(
        file.read_text()
        + "\ncommands: bin\nalerts: {routes: [{id: a, type: command, argv: [page, "
        + json.dumps(evil)
        + "]}]}\n"
    )
    shown = run(file, "config", "diff", str(old), "--format", "markdown").stdout
    [line] = [line for line in shown.splitlines() if "evil.example" in line]
    cells = line.strip("|").split(" | ")
    assert len(cells) == 3
    assert cells[2].strip().startswith("`")
    assert cells[2].strip().strip("|").strip().count("`") == 2


@pytest.mark.parametrize("form", ["markdown", "text"])
def test_no_value_adds_a_line(file: Path, old: Path, form: str) -> None:
    """In a comment it would be one of ours: a heading, or that nobody gains anything."""
    evil = "page\n\n### all is well\n\tnobody gainsx"
    file.write_text(f"{file.read_text()}\ncommands: {json.dumps(evil)}\n")
    more = ("--format", form) if form == "markdown" else ()
    shown = run(file, "config", "diff", str(old), *more)
    assert shown.exit_code == 1, shown.output
    assert "all is well" in shown.stdout
    assert not [
        line
        for line in shown.stdout.splitlines()
        if line.lstrip().startswith(("### all", "nobody"))
    ]


def test_what_a_stack_binds_is_compared_as_well(file: Path, old: Path) -> None:
    for path in (file, old):
        path.write_text(f"bindings: bound.json\n{path.read_text()}")
    installation = yaml.safe_load(file.read_text())["installation"]
    role = "arn:aws:iam::111122223333:role/other"
    bound = file.with_name("bound.json")
    bound.write_text(json.dumps({
        "schema_version": 1, "installation": installation,
        "connections": {"aws": {"roles": {"observe": role}}},
    }))  # fmt: skip
    bound.chmod(0o600)
    done = run(file, "config", "diff", str(old))
    assert done.exit_code == 1
    assert (
        f"gains    a host  the installation: connections.aws.roles.observe: {role}" in done.stdout
    )
