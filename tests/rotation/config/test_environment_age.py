"""An environment's age limit holds whatever the class is called; an exception is owned and ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotation.config import ConfigInvalid, Configuration, load
from tests.rotation.config.files import VALID

DAY = 86_400
CLASSES = """
classes:
  yearly: {max_age: 365d}
"""
EXCEPTION = '    exception: {owner: security, reason: the vendor is slow, until: "2026-12-20"}\n'


def loaded(
    tmp_path: Path, environment: str, also: str = "", class_: str = "yearly"
) -> Configuration:
    file = tmp_path / "rotation.yaml"
    text = VALID.replace("    environment: production\n", f"    environment: {environment}\n")
    text = text.replace("    owner:", f"    class: {class_}\n{also}    owner:", 1)
    file.write_text(text + CLASSES)
    file.chmod(0o600)
    return load(file)


def codes(tmp_path: Path, *given: str) -> set[str]:
    with pytest.raises(ConfigInvalid) as caught:
        loaded(tmp_path, *given)
    return {finding.code for finding in caught.value.findings}


@pytest.mark.parametrize(
    ("environment", "class_"),
    [("production", "yearly"), ("production", "development"), ("development", "yearly")],
)
def test_a_class_beyond_its_environment_is_an_error(
    tmp_path: Path, environment: str, class_: str
) -> None:
    assert "config.environment-age" in codes(tmp_path, environment, "", class_)


@pytest.mark.parametrize("environment", ["development", "test"])
def test_a_class_within_its_environment_is_none(tmp_path: Path, environment: str) -> None:
    assert len(loaded(tmp_path, environment, class_="development")) == 1


def test_an_exception_lets_it_and_is_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, "production", EXCEPTION)
    assert "config.exception" in {finding.code for finding in found.warnings}
    [entry] = found.secrets()
    before = datetime(2026, 12, 19, tzinfo=UTC)
    assert str(entry.exempt_at(before)) == (
        "longer life until 2026-12-20 (security): the vendor is slow"
    )
    assert entry.over_s(before) == 0


def test_when_the_exception_is_over_the_limit_of_the_environment_holds(tmp_path: Path) -> None:
    [entry] = loaded(tmp_path, "production", EXCEPTION).secrets()
    after = datetime(2026, 12, 20, tzinfo=UTC) + timedelta(seconds=1)
    assert entry.exempt_at(after) is None
    assert entry.max_age_s - entry.over_s(after) == 90 * DAY


@pytest.mark.parametrize(
    "left_out", ["owner: security, ", "reason: the vendor is slow, ", ', until: "2026-12-20"']
)
def test_an_exception_has_an_owner_a_reason_and_an_end(tmp_path: Path, left_out: str) -> None:
    assert "config.missing" in codes(tmp_path, "production", EXCEPTION.replace(left_out, ""))


def test_an_exception_that_nothing_needs_is_refused(tmp_path: Path) -> None:
    assert "config.exception-needless" in codes(tmp_path, "test", EXCEPTION)
