"""Why a rotation is held, and that there is a way out of each."""

import pytest

from rotation.errors import Conflict, Denied, NeedsPerson, Permanent, Refused, SlotFull
from rotation.machine.held import REASONS, Exit, held_code


@pytest.mark.parametrize("code", REASONS)
def test_each_reason_leads_out(code: str) -> None:
    reason = REASONS[code]
    assert reason.exits
    assert len(set(reason.exits)) == len(reason.exits)
    assert reason.first.keys() <= {*reason.exits}
    assert {Exit.RESUME, Exit.ABANDON} & {*reason.exits}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NeedsPerson("held.replica", ""), "held.replica"),
        (NeedsPerson("issuer.gone", ""), "held.instance-missing"),
        (Denied("x.denied", ""), "held.denied"),
        (Conflict("x.conflict", ""), "held.conflict"),
        (Refused("x.refused", ""), "held.refused"),
        (SlotFull("x.full", ""), "held.slot-full"),
        (NeedsPerson("x.else", ""), "held.needs-person"),
    ],
)
def test_what_no_reason_names_is_held_by_its_kind(error: Permanent, code: str) -> None:
    assert held_code(error) == code
    assert code in REASONS
