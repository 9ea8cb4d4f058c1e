"""Opens a rotation that an operator asked for."""

from typing import TYPE_CHECKING

from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.operations.installation import Installation

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


def open_rotation(
    here: Installation,
    entry: "ConfiguredSecret",
    plan: str,
    *,
    trigger: str,
    said: Opened | None = None,
) -> None:
    """Raises AlreadyOpen where one is open."""
    from rotation.plan import PLANS  # noqa: PLC0415

    spec = here.configuration.specification(entry)
    runner = here.runner
    runner.open(entry.stream, PLANS[plan], spec, trigger=trigger, who=here.who, said=said)


def is_open(here: Installation, stream: str) -> bool:
    entries = here.journal.entries(stream)
    return bool(entries) and replay(entries).outcome is None
