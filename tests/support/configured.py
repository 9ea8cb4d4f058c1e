"""A verb run over a configuration file."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rotation.cli.app import program


@pytest.fixture
def file(tmp_path: Path) -> Path:
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o700)
    config = directory / "rotation.yaml"
    made = run(config, "init", "--journal", str(tmp_path / "journal.db"), "--account",
               "111122223333", "--user", "billing", "--secret", "prod/billing", "--consumer",
               "prod-billing")  # fmt: skip
    assert made.exit_code == 0, made.output
    return config


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(program, ["-c", str(config), *words])


def reply(config: Path, *words: str, code: int = 0) -> Any:
    done = run(config, *words, "-o", "json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


KEY = "EXAMPLE-key-of-the-seals-" + "k" * 32


@pytest.fixture
def keyed(file: Path, tmp_path: Path) -> Path:
    key = tmp_path / "keys" / "seal.key"
    key.parent.mkdir(mode=0o700)
    key.write_text(KEY)
    key.chmod(0o600)
    file.write_text(file.read_text() + f"\nseal_key: {key}\n")
    return file


def tamper(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()
