"""The configuration beside what the journal knows, and beside the day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation.config import ConfiguredSecret, Finding, Level
from rotation.journal.entries import Identity
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.plan.specification import differences, spec_from_json, waiting
from rotation.types import Specification

if TYPE_CHECKING:
    from rotation.config import Configuration


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


def unattended(here: Installation) -> Iterator[Finding]:
    """Production classes whose trouble nobody would hear of. Only `config check` refuses them:
    rotations must not stop because nobody is told, let alone an emergency."""
    configuration = here.configuration
    found: dict[str, list[ConfiguredSecret]] = {}
    lacking: dict[str, dict[str, None]] = {}
    for entry in configuration.secrets():
        missing = _missing(configuration, entry) if _is_production(entry) else []
        if missing:
            found.setdefault(entry.class_name, []).append(entry)
            lacking.setdefault(entry.class_name, {}).update(dict.fromkeys(missing))
    for name, entries in found.items():
        accepted = configuration.surroundings.classes[name].unattended == "accepted"
        many = f"{len(entries)} secret{'s' if len(entries) > 1 else ''} of class {name}"
        kinds = list(lacking[name])
        more = f", and {len(kinds) - WAYS_NAMED} more" if len(kinds) > WAYS_NAMED else ""
        yield Finding(
            file=entries[0].file, line=entries[0].line, path="class", code="config.unattended",
            message=f"nobody would hear of trouble with {many}: {', '.join(kinds[:WAYS_NAMED])}{more}",
            hint="it is accepted by `unattended: accepted`" if accepted else
            f"declare `alerts:` and `heartbeat:`, or state `classes: {{{name}: {{unattended: accepted}}}}`",
            level=Level.WARNING if accepted else Level.ERROR,
        )  # fmt: skip


WAYS_NAMED = 3
_ATTENDED = frozenset({"development", "trial"})


def _is_production(entry: ConfiguredSecret) -> bool:
    """A trial is watched by the person who tries it."""
    production = "production" in (entry.class_name, entry.environment)
    return entry.state == "active" and production and entry.class_name not in _ATTENDED


def _missing(configuration: "Configuration", entry: ConfiguredSecret) -> list[str]:
    told = any(
        "page" in route.severities
        and (not route.owners or entry.owner in route.owners)
        and (not route.environments or entry.environment in route.environments)
        for route in configuration.alerts.routes
    )
    out = [] if told else [f"no alert route takes `page` for {entry.owner} in {entry.environment}"]
    return out if configuration.heartbeat else ["no heartbeat says that the runner lives", *out]


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
