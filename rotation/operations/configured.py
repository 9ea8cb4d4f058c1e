"""The configuration beside what the journal knows, and beside the day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rotation.config import Finding, Level
from rotation.journal.entries import Identity
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.plan.specification import differences, spec_from_json, waiting
from rotation.types import Specification


def exceptions_over(here: Installation) -> Iterator[Finding]:
    """Only `config check` refuses exceptions that have ended: a date must not stop a rotation, let
    alone an emergency. From that day on the environment's own limit counts."""
    now = here.clock.now()
    for entry in here.configuration.secrets():
        if entry.exception is not None and entry.exempt_at(now) is None:
            yield Finding(
                file=entry.file, line=entry.line, path="exception",
                code="config.exception-over",
                message=f"the exception of {entry.id} is over; its environment's limit holds",
                hint="choose a stricter class and take the exception out, or give it a new end",
            )  # fmt: skip


def pauses_over(here: Installation) -> Iterator[Finding]:
    """Pauses that hold no more: those secrets are rotated again, whatever `state` seems to say."""
    now = here.clock.now()
    for entry in here.configuration.secrets():
        if entry.state == "paused" and entry.paused_at(now) is None:
            yield Finding(
                file=entry.file, line=entry.line, path="until", code="config.pause-over",
                message=f"the pause of {entry.id} ended on {entry.until:%Y-%m-%d}; it is rotated again",
                hint="take `state: paused` out with its `until`, `reason` and `by`, or give it a new end",
                level=Level.WARNING,
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """By name. renamed: without `was`. changed: what an open rotation is Held for; later: what waits
    for the next one."""

    new: list[str]
    gone: list[str]
    renamed: dict[str, str]
    changed: dict[str, list[str]]
    later: dict[str, list[str]]

    @property
    def same(self) -> bool:
        return not any((self.new, self.gone, self.renamed, self.changed, self.later))


def compared(here: Installation) -> Compared:
    rows = {row.stream: row for row in here.records.identities()}
    names = {entry.stream: entry.id for entry in here.configuration.secrets()}
    both = [row for stream, row in rows.items() if stream in names]
    open_now = [row for row in both if row.plan is not None]
    changed = {row.secret: _changed(here, row, differences) for row in open_now}
    later = {row.secret: _changed(here, row, waiting) for row in open_now}
    return Compared(
        new=[name for stream, name in names.items() if stream not in rows],
        gone=[
            row.secret for stream, row in rows.items() if stream not in names and not row.retired
        ],
        renamed={
            row.secret: names[row.stream]
            for row in both
            if here.called(row.secret) != names[row.stream]
        },
        changed={secret: options for secret, options in changed.items() if options},
        later={secret: options for secret, options in later.items() if options},
    )


def _changed(
    here: Installation, row: Identity, compare: Callable[[Specification, Specification], list[str]]
) -> list[str]:
    stored = spec_from_json(replay(here.records.entries(row.stream)).spec)
    present = here.live_specification(row.secret)
    return [] if present is None else compare(stored, present)
