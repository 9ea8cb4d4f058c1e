"""What a permission set is needed for."""

from rotation.operations.preflight import steps_under
from rotation.plan import STEPS
from rotation.types import PermissionSet


def test_each_set_is_named_by_the_steps_that_call_under_it() -> None:
    for under in PermissionSet:
        steps = steps_under(under)
        assert len(steps) == len(set(steps))
        assert set(steps) <= {str(step) for step in STEPS}
    assert steps_under(PermissionSet.CONTAIN) == ["contain", "sweep", "resume-old"]
