"""The permissions that a configuration needs, as values."""

from pathlib import Path

import pytest

from rotation.errors import UsageError
from rotation.operations.installation import Installation
from rotation.operations.policies import compiled, narrowed, refuse_part

EXAMPLE = Path(__file__).parents[3] / "docs" / "example" / "rotation.yaml"


def test_they_are_returned_by_connection_and_holder(capfd: pytest.CaptureFixture[str]) -> None:
    with Installation(configuration_path=EXAMPLE, effectful=False) as here:
        found = list(compiled(here, "aws"))
    [(connection, document)] = narrowed(found, "aws-prod", "revoke")
    assert (connection, document.holder) == ("aws-prod", "revoke")
    assert len(narrowed(found, None, None)) == len(found) > 1
    assert capfd.readouterr() == ("", "")


def test_nothing_is_no_answer() -> None:
    with pytest.raises(UsageError, match="needs no such policy"):
        narrowed([], None, None)


@pytest.mark.parametrize(
    ("stack", "connection", "holder"),
    [(None, None, None), (EXAMPLE, "aws-prod", None), (EXAMPLE, None, "revoke")],
)
def test_a_stack_is_told_whole_or_not_at_all(
    stack: Path | None, connection: str | None, holder: str | None
) -> None:
    with pytest.raises(UsageError, match="nothing was printed"):
        refuse_part(stack, connection, holder)
