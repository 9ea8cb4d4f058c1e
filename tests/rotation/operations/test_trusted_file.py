"""What is remembered of a configuration; that it decides is tried in `tests/rotation/cli/test_trust.py`."""

from pathlib import Path

import pytest

from rotation.config import Configuration, load
from rotation.errors import UsageError
from rotation.operations.trusted_file import is_trusted, remember
from tests.rotation.config.files import VALID


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def here(home: Path, tmp_path: Path) -> Configuration:
    path = tmp_path / "rotation.yaml"
    path.write_text(VALID)
    path.chmod(0o600)
    return load(path)


def test_another_content_or_another_place_is_not_trusted(
    here: Configuration, tmp_path: Path
) -> None:
    assert not is_trusted(here)
    remember(here)
    assert is_trusted(load(here.path))
    other = tmp_path / "other.yaml"
    other.write_text(VALID)
    other.chmod(0o600)
    assert not is_trusted(load(other))
    here.path.write_text(f"{VALID}# more\n")
    assert not is_trusted(load(here.path))


def test_a_command_that_came_with_it_is_part_of_it(here: Configuration, tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "send").write_text("one")
    here.path.write_text(f"{VALID}commands: bin\n")
    remember(load(here.path))
    assert is_trusted(load(here.path))
    (commands / "send").write_text("another")
    assert not is_trusted(load(here.path))
    remember(load(here.path))
    (commands / "more").touch()
    assert not is_trusted(load(here.path))
    (commands / "more").unlink()
    commands.rename(tmp_path / "former")
    commands.symlink_to("former")
    assert is_trusted(load(here.path)), "the same by a link"


def test_a_second_one_does_not_take_the_place_of_the_first(
    here: Configuration, tmp_path: Path
) -> None:
    remember(here)
    other = tmp_path / "other.yaml"
    other.write_text(VALID)
    other.chmod(0o600)
    remember(load(other))
    assert is_trusted(here)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 1, "files": []}', "\0", "[" * 99_999]
)
def test_a_list_that_cannot_be_read_trusts_nothing(
    here: Configuration, home: Path, text: str
) -> None:
    remember(here)
    (home / "trusted.json").write_text(text)
    assert not is_trusted(here)
    remember(here)
    assert is_trusted(here)


def test_what_cannot_be_remembered_is_not_trusted(here: Configuration, home: Path) -> None:
    home.write_text("a file where the directory should be")
    with pytest.raises(UsageError) as refused:
        remember(here)
    assert refused.value.code == "trust.not-remembered"
    assert not is_trusted(here)
