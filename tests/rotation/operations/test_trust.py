"""The lines that trust a package; that they lead out is tried in `tests/elsewhere/test_trust.py`."""

from pathlib import Path

import pytest

from rotation.errors import UsageError
from rotation.operations.trust import UNNAMED, Package, packages, write

DIGEST = f"sha256:{'a1' * 32}"
ACME = Package(name="acme", version="2.0", digest=DIGEST, plugins=(), standing=UNNAMED)
ITEM = f'  - {{distribution: acme, version: "2.0", digest: "{DIGEST}"}}\n'
HEAD = "# ours\ninstallation: 0f3a9c2b71de   # never change it\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rotation.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, f"{HEAD}\nplugins:\n{ITEM}"),
        (f"{HEAD}plugins:   # looked at\n", f"{HEAD}plugins:   # looked at\n{ITEM}"),
        (
            f'{HEAD}plugins:\n  - {{distribution: other, version: "1"}}\nsecrets: []\n',
            f'{HEAD}plugins:\n{ITEM}  - {{distribution: other, version: "1"}}\nsecrets: []\n',
        ),
        (
            f'{HEAD}plugins:\n  - {{distribution: acme, version: "1.0"}}\nsecrets: []\n',
            f"{HEAD}plugins:\n{ITEM}secrets: []\n",
        ),
    ],
)
def test_one_line_is_written_and_everything_else_stays(file: Path, before: str, after: str) -> None:
    file.write_text(before)
    write(file, ACME)
    assert file.read_text() == after


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}plugins: []\n",
        f'{HEAD}plugins:\n  - distribution: acme\n    version: "1.0"\n',
        f'{HEAD}plugins:\n    - {{distribution: other, version: "1"}}\n',
        "{installation: 0f3a9c2b71de}\n",
        "- a list\n",
        "no: [yaml\n",
    ],
)
def test_what_cannot_be_edited_safely_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        write(file, ACME)
    assert refused.value.code == "trust.by-hand"
    assert "- {distribution: acme" in refused.value.hint
    assert file.read_text() == text


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(HEAD)
    file.symlink_to(real)
    write(file, ACME)
    assert file.is_symlink()
    assert ITEM in real.read_text()


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError) as refused:
        packages(file)
    assert refused.value.code == "config.unreadable"
