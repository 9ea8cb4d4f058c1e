"""An emergency that somebody else declared already: this process joins it if no live process
continues it."""

from dataclasses import dataclass

from rotation.errors import PolicyRefusal
from rotation.execution.runner import LEASE
from rotation.journal.facts import Opened
from rotation.machine.decide import Do, next_action
from rotation.machine.replay import Rotation
from rotation.operations.installation import Installation
from rotation.operations.survey import emergency_under_way, is_about_all
from rotation.plan import Step


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An open emergency that does what is asked for. stuck: a live process has it and does not
    move, so another one is opened; otherwise this process continues it."""

    rotation: Rotation
    stuck: bool


def under_way(
    here: Installation, name: str, rotation: Rotation | None, key_id: str | None, *, others: bool
) -> UnderWay | None:
    """None where there is no such emergency. Raises where a live process continues it."""
    found = emergency_under_way(rotation)
    if found is None or not _covers(found, key_id, others=others):
        return None
    if not here.stays_elsewhere(found):
        return UnderWay(found, stuck=False)
    if _is_stuck(here, found):
        return UnderWay(found, stuck=True)
    raise PolicyRefusal(
        "emergency.is-open",
        f"{is_open_since(found, name)}; {found.last.runner} is alive and works on it; "
        "nothing was done",
        shown_by(found, name),
    )


def _covers(rotation: Rotation, key_id: str | None, *, others: bool) -> bool:
    if key_id is not None:
        return key_id in rotation.scope
    return is_about_all(rotation, others=others)


def _is_stuck(here: Installation, rotation: Rotation) -> bool:
    """Whether a live process hangs before readers have a new credential. Only another emergency can
    take the rotation away from it."""
    now = here.clock.now()
    undone = isinstance(next_action(rotation, now), Do) and not rotation.done(Step.PROMOTE)
    return undone and now - rotation.last.at >= LEASE


def is_open_since(rotation: Rotation, name: str) -> str:
    opened, successor = rotation.opened, rotation.new or "not made yet"
    return (
        f"an emergency of {name} is open since {opened.at:%Y-%m-%d %H:%M:%S}Z by "
        f"{opened.who} ('{Opened.of(opened.facts).reason}'); its successor is {successor}"
    )


def shown_by(rotation: Rotation, name: str) -> str:
    shown = f"`rotation status {name}` shows how far it is"
    if rotation.new is None:
        return shown
    again = f"`rotation emergency {name} --key-id {rotation.new}`"
    return f"{shown}; if {rotation.new} leaked as well: {again}"
