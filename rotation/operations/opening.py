"""A rotation is opened because somebody wants it."""

from typing import TYPE_CHECKING

from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


def open_rotation(
    here: Installation,
    entry: "ConfiguredSecret",
    plan: str,
    *,
    trigger: str,
    facts: Facts | None = None,
) -> None:
    """Raises AlreadyOpen where one is open."""
    from rotation.plan import PLANS  # noqa: PLC0415

    spec = here.configuration.specification(entry)
    runner = here.runner
    runner.open(entry.stream, PLANS[plan], spec, trigger=trigger, who=here.who, facts=facts)


def is_open(here: Installation, stream: str) -> bool:
    entries = here.journal.entries(stream)
    return bool(entries) and replay(entries).outcome is None
