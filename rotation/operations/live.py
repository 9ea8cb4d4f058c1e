"""What the runner of an installation reads live."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.approvals.gate import Approvals
from rotation.execution.live import Live
from rotation.schedule.brakes import read_only

if TYPE_CHECKING:
    from rotation.operations.installation import Installation


def live_of(here: "Installation") -> Live:
    approvals, journal = approvals_of(here, here.who), here.journal
    approvals = replace(approvals, opens_at=lambda secret, now: here.gates(secret, now).opens_at)
    return Live(
        gates=here.gates,
        specification=here.live_specification,
        read_only=lambda: read_only(journal),
        others=here.others(),
        approval=approvals.wait,
        ask=lambda rotation, row: approvals.ask(rotation, row, here.runner.id),
    )


def approvals_of(here: "Installation", runner: str | None = None) -> Approvals:
    """runner: the operating system's user that takes the steps; None: somebody else takes them."""
    return Approvals(
        configuration=lambda: here.configuration, journal=lambda: here.records, clock=here.clock,
        runner=runner,
    )  # fmt: skip
