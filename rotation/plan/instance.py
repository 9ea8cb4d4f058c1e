"""A row of one identity, as OPENED stores it."""

from dataclasses import dataclass

from rotation.plan.tables import Step
from rotation.plan.words import Gate, OnFailure, Phase


@dataclass(frozen=True, slots=True)
class RowInstance:
    position: int
    phase: Phase
    step: Step
    on_failure: OnFailure
    subject: str = "-"
    # Positions of the rows that it waits for.
    after: tuple[int, ...] = ()
    effect: bool = False
    looks: bool = False
    gates: tuple[Gate, ...] = ()
    successes: int = 1
    # In a rollback: the step that it undoes.
    of: Step | None = None

    @property
    def name(self) -> str:
        return self.step if self.subject == "-" else f"{self.step}[{self.subject}]"
