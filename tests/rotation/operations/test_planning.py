"""What would happen, as values."""

from rotation.operations.installation import Installation
from rotation.operations.planning import ahead, planned
from rotation.plan import Step
from rotation.schedule.due import DueState
from tests.support.configured import file, reply  # noqa: F401 -- a fixture


def test_the_next_rotation_is_returned_with_its_calls(file, capfd) -> None:  # noqa: F811
    with Installation(configuration_path=file, effectful=False) as here:
        [each] = planned(here, "prod-billing", here.clock.now())
        found = ahead(here, each.entry, refresh=False)
    assert each.due.kind is DueState.NEVER
    assert found.plan.name == "routine"
    assert {row.step for row in found.rows} >= {Step.ISSUE, Step.PROMOTE, Step.DESTROY}
    assert "iam:CreateAccessKey" in {call.call for _, call in found.calls}
    assert not found.differences
    assert capfd.readouterr() == ("", "")
