"""Replaces a dead credential. It is looked at first, and refused where it works."""

from typing import TYPE_CHECKING

from rotation.errors import PolicyRefusal
from rotation.machine.baseline import left_by
from rotation.machine.replay import replay
from rotation.operations.installation import Installation

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret
    from rotation.execution.dead_credential import Found


def to_replace(here: Installation, entry: "ConfiguredSecret") -> "Found | None":
    """What was just found dead; None where a replacement is open already and goes on."""
    from rotation.execution.dead_credential import look  # noqa: PLC0415 -- only here
    from rotation.execution.effects.neighbours import lacking  # noqa: PLC0415 -- only here

    refuse_inactive(entry)
    entries = here.journal.entries(entry.stream)
    before = replay(entries) if entries else None
    is_open = before is not None and before.outcome is None
    if before is not None and is_open and before.rules.replaces_dead and before.held is None:
        return None
    spec = here.configuration.specification(entry)
    bound, baseline = here.bind(spec), left_by(before)
    known = baseline.version, baseline.handle
    found = look(bound, known, bound.store.state(), bound.issuer.listing(), here.clock.now())
    if found.dead is None:
        raise PolicyRefusal(
            "replace.not-dead",
            f"nothing shows that {found.handle or 'what readers get'} is dead: it was just "
            "checked; nothing was done",
            f"`rotation rotate {entry.id}` replaces what works",
        )
    _refuse_missing_parts(lacking(bound.store, spec, found.base), entry)
    return found


def open_replacement(here: Installation, entry: "ConfiguredSecret", reason: str | None) -> None:
    """Opens the replacement; an open rotation is superseded."""
    spec = here.configuration.specification(entry)
    here.runner.open_replacement(entry.stream, spec, trigger="person", who=here.who, reason=reason)


def _refuse_missing_parts(missing: list[str], entry: "ConfiguredSecret") -> None:
    """Refused before a mint: without the lost part, a composed key could not be written."""
    if missing:
        raise PolicyRefusal(
            "replace.missing-parts",
            f"a template in `composed:` of {entry.id} needs {', '.join(missing)}, and the secret has "
            "no text or number under these keys; nothing was opened",
            f"write {', '.join(missing)} into the secret, as a JSON object with these keys; then "
            f"`rotation rotate {entry.id} --replace`",
        )


def refuse_inactive(entry: "ConfiguredSecret") -> None:
    if entry.state != "active":
        raise PolicyRefusal(
            "run.not-active",
            f"{entry.id} is {entry.state}; nothing was done",
            "change its `state` in the configuration",
        )
