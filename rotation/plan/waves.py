"""Waves: pushed consumers are given the new credential one wave after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from rotation.plan.tables import Row, Step
from rotation.types import ConsumerSpec, Specification


@dataclass(frozen=True, slots=True)
class Wave:
    """The consumers that a row is for. What reads the store by itself is in the last wave: it has
    moved by its own time, and nobody waits for it."""

    number: int
    last: bool = False

    def has(self, consumer: ConsumerSpec) -> bool:
        return consumer.wave == self.number if consumer.pushed else self.last


def in_waves(rows: Iterable[Row], spec: Specification) -> Iterator[tuple[Row, Wave | None]]:
    """The rows of a plan, with `deliver` and `confirm` once for each wave. With one wave each row
    is for everybody."""
    numbers = sorted({c.wave for c in _pushed(spec)})
    waves = [Wave(number, last=number == numbers[-1]) for number in numbers]
    rows = list(rows)
    confirm = next((row for row in rows if row.step is Step.CONFIRM), None)
    for row in rows:
        if len(waves) < 2 or confirm is None or row.step not in (Step.DELIVER, Step.CONFIRM):
            yield row, None
        elif row.step is Step.DELIVER:
            for wave in waves:
                yield row, wave
                yield confirm, wave


def baking(spec: Specification) -> timedelta:
    """How long the waves take, at least."""
    longest: dict[int, int] = {}
    for consumer in _pushed(spec):
        longest[consumer.wave] = max(longest.get(consumer.wave, 0), consumer.bake_s)
    return timedelta(seconds=sum(longest.values()))


def _pushed(spec: Specification) -> Iterator[ConsumerSpec]:
    return (c for c in spec.consumers if c.role == "reader" and c.pushed and not c.gone)
