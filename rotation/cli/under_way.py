"""An emergency that somebody else declared already: told, and joined where nobody alive is at it."""

from rotation.cli.say import note, plain
from rotation.cli.session import Session
from rotation.errors import PolicyRefusal
from rotation.fold import Rotation
from rotation.incident import emergency_under_way, is_about_all
from rotation.machine import Do, next_action
from rotation.plan import Step
from rotation.runner import LEASE


def joined(
    session: Session, name: str, rotation: Rotation | None, key_id: str | None, *, others: bool
) -> Rotation | None:
    """The open emergency that does what is asked for, if this process is to go on with it. Refused
    where somebody alive does. None: another one has to be opened."""
    found = emergency_under_way(rotation)
    if found is None or not _covers(found, key_id, others=others):
        return None
    if session.stays_elsewhere(found):
        if _is_stuck(session, found):
            note(plain(f"{found.last.runner} is alive and does not move: another one takes over"))
            return None
        raise PolicyRefusal(
            "emergency.is-open",
            f"{_told(found, name)}; {found.last.runner} is alive and works on it; nothing was done",
            f"`rotation status {name}` shows how far it is{_if_it_leaked(found, name)}",
        )
    note(plain(f"{_told(found, name)}; nobody alive works on it, so this process goes on with it"))
    note(plain(f"  `rotation status {name}` shows how far it is{_if_it_leaked(found, name)}"))
    return found


def _covers(rotation: Rotation, key_id: str | None, *, others: bool) -> bool:
    if key_id is not None:
        return key_id in rotation.scope
    return is_about_all(rotation, others=others)


def _is_stuck(session: Session, rotation: Rotation) -> bool:
    """Before readers have a successor: a process that is frozen helps nobody, and only another
    emergency takes what it holds."""
    now = session.clock.now()
    undone = isinstance(next_action(rotation, now), Do) and not rotation.done(Step.PROMOTE)
    return undone and now - rotation.last.at >= LEASE


def _told(rotation: Rotation, name: str) -> str:
    opened, successor = rotation.opened, rotation.new or "not made yet"
    return (
        f"an emergency of {name} is open since {opened.at:%Y-%m-%d %H:%M:%S}Z by "
        f"{opened.who} ('{opened.facts.get('reason')}'); its successor is {successor}"
    )


def _if_it_leaked(rotation: Rotation, name: str) -> str:
    if rotation.new is None:
        return ""
    return (
        f"; if {rotation.new} leaked as well: `rotation emergency {name} --key-id {rotation.new}`"
    )
