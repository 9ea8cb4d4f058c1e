"""`init`: a file that can be read, a journal that git leaves alone."""

import json
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rotation.cli.app import program
from rotation.journal.sql import open_journal


def init(directory: Path, *words: str) -> dict[str, str]:
    runner = CliRunner(env={"XDG_STATE_HOME": str(directory / "state")})
    config = str(directory / "rotation.yaml")
    done = runner.invoke(program, ["-c", config, "init", "-o", "json", *words])
    assert done.exit_code == 0, done.output
    told: dict[str, str] = json.loads(done.stdout)
    return told


def test_the_file_is_private_and_names_the_journal_that_was_made(tmp_path: Path) -> None:
    told = init(tmp_path)
    written = yaml.safe_load(Path(told["config"]).read_text())
    assert written == {"installation": told["installation"], "journal": told["journal"]}
    assert stat.S_IMODE(Path(told["config"]).stat().st_mode) == 0o600
    open_journal(Path(told["journal"]), told["installation"], read_only=True).close()
    assert not Path(told["journal"]).is_relative_to(Path.cwd())


def test_a_first_secret_is_written_from_the_options(tmp_path: Path) -> None:
    told = init(tmp_path, "--account", "111122223333", "--region", "eu-west-1",
                "--user", "billing", "--secret", "prod/billing")  # fmt: skip
    written = yaml.safe_load(Path(told["config"]).read_text())
    assert written["connections"]["aws"]["account"] == "111122223333"
    assert written["secrets"][0]["id"] == "prod-billing"
    assert written["secrets"][0]["issuer"]["user"] == "billing"


def test_a_journal_inside_a_work_tree_is_ignored_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    init(tmp_path, "--journal", str(tmp_path / "state" / "journal.db"))
    for name in ("journal.db", "journal.db-wal", "runners/somebody"):
        checked = subprocess.run(
            ["git", "-C", str(tmp_path), "check-ignore", "-q", f"state/{name}"], check=False
        )
        assert checked.returncode == 0, name


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    first = init(tmp_path)
    done = CliRunner().invoke(program, ["-c", first["config"], "init"])
    assert done.exit_code == 2
    assert "init.exists" in done.stderr


@pytest.mark.parametrize("words", [(), ("--account", "111122223333")])
def test_the_commented_example_is_a_valid_secret_once_it_is_uncommented(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    text = Path(init(tmp_path, *words)["config"]).read_text()
    head, _, example = text.partition("# secrets:\n")
    uncommented = "secrets:\n" + "".join(
        line.removeprefix("# ") for line in example.splitlines(keepends=True)
    )
    assert yaml.safe_load(uncommented)["secrets"][0]["id"] == "billing"
    assert "secrets" not in yaml.safe_load(head)
