"""Every exit that `machine/held.py` names leads out of each cause that prints it, and every reason has one."""

import pytest

from rotation.machine.held import REASONS
from tests.crash.causes_on_the_way import CAUSES
from tests.crash.exits import GREEN, cells
from tests.support.turns import one_in


@pytest.mark.parametrize("code", one_in(4, REASONS))
def test_each_way_out_leads_out(code: str) -> None:
    ends = list(cells(code, CAUSES.get(code, [])))
    assert [end for end in ends if end[-1] != GREEN] == []


def test_there_is_no_cause_of_a_reason_that_is_gone() -> None:
    assert set(CAUSES) <= set(REASONS)
