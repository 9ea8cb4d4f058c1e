"""Every error has a next step: its own, or the one of its kind."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import providers
import rotation
from rotation.cli.output import next_step
from rotation.errors import Refused, RotationError, UsageError
from tests.support.shell import Shell

ROOT = Path(__file__).parents[3]
EXPLICIT = {"UsageError", "UnknownName", "PolicyRefusal", "ConfigInvalid", "RotationError"}


def test_no_error_on_the_page_is_without_a_next_step() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = re.findall(r"^\| .*`[a-z.-]+`.* \| .* \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) > 300
    assert not [row for row in rows if not row.strip()]


def kinds() -> list[type[RotationError]]:
    for package in (rotation, providers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not {"testing", "demo", "__main__"} & set(module.name.split(".")):
                importlib.import_module(module.name)
    found, left = [], [RotationError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return found


def test_every_kind_has_a_next_step_or_each_of_its_errors_says_one() -> None:
    assert not [k.__name__ for k in kinds() if not k.NEXT and k.__name__ not in
                {*EXPLICIT, "NotYet", "Stopped"}]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("freeze",),
        ("unpause", "app"),
        ("emergency",),
        ("emergency", "app", "--yes"),
        ("resolve", "app"),
        ("doctor", "--repair"),
        ("adopt", "app", "--created", "2999-01-01"),
        ("rotate", "nobody"),
        ("journal", "backup", "/there/is/no/such/directory/copy.db"),
        ("handover", "aws", "--dead"),
        ("nonsense",),
    ],
)
def test_what_is_typed_wrong_is_told_with_what_to_type(
    shell: Shell,
    words: tuple[str, ...],
) -> None:
    done = shell.run(*words)
    assert done.exit_code != 0
    assert "  next: " in done.stderr, done.output


def test_an_error_without_a_hint_of_its_own_has_the_one_of_its_kind() -> None:
    assert next_step(UsageError("a.b", "message", "do that")) == "do that"
    assert next_step(Refused("a.b", "message")) == Refused.NEXT
