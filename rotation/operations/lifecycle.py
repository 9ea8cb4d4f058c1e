"""Brings a secret under rotation, and takes it out again."""

from typing import TYPE_CHECKING

from rotation.errors import PolicyRefusal, RotationError, UsageError
from rotation.interfaces import Store
from rotation.journal.facts import Opened, Requested
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.operations.opening import open_rotation
from rotation.operations.requests import request
from rotation.types import PermissionSet, is_our_mark
from rotation.values.composed import Composed

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


def create(here: Installation, entry: "ConfiguredSecret") -> None:
    """Begins the first credential of an empty secret."""
    _refuse_not_empty(here, entry)
    _refuse_missing_parts(here, entry)
    open_rotation(here, entry, "first", trigger="person")


def adopt(here: Installation, entry: "ConfiguredSecret", said: Opened) -> None:
    """Brings an existing credential under rotation, by the present configuration."""
    _begin_anew(here, entry)
    open_rotation(here, entry, "adopt", trigger="person", said=said)


def refuse_future(here: Installation, said: Opened) -> None:
    """Before anybody is asked anything."""
    if said.created is not None and said.created > here.clock.now():
        raise UsageError(
            "cli.future",
            f"--created {said.created:%Y-%m-%d} is in the future; nothing was done",
            "give the day on which it was made",
        )


def retire(here: Installation, entry: "ConfiguredSecret", gap: str | None) -> None:
    """gap: why consumers that are still declared need nothing."""
    if not gap:
        _refuse_staying(here, entry)
    said = Opened(gap=gap) if gap else Opened()
    open_rotation(here, entry, "retire", trigger="person", said=said)


def _refuse_not_empty(here: Installation, entry: "ConfiguredSecret") -> None:
    """Refuses a mistyped name before anything is opened. A marked placeholder is left from an
    earlier attempt."""
    store = here.bind(here.configuration.specification(entry)).store
    current = store.state().current
    if current is None or is_our_mark(current, here.configuration.installation):
        return
    if _has_no_credential(store, current):
        raise PolicyRefusal(
            "create.other-keys",
            f"the secret of {entry.id} has a value without the keys of a credential; nothing was "
            "opened",
            f"`rotation rotate {entry.id} --replace` makes one beside what is there; if one is there "
            "under other keys, name them under `fields:`",
        )
    raise PolicyRefusal(
        "create.not-empty",
        f"the secret of {entry.id} has a value already; nothing was opened",
        f"`rotation adopt {entry.id}` brings it under rotation",
    )


def _has_no_credential(store: Store, version: str) -> bool:
    try:
        store.read(version, under=PermissionSet.PROVE)
    except RotationError as error:
        return error.code == "store.missing-field"
    return False


def _refuse_missing_parts(here: Installation, entry: "ConfiguredSecret") -> None:
    """An empty secret has no other keys, so a template that needs one could not be written."""
    spec = here.configuration.specification(entry)
    if others := sorted(Composed(spec.fields, spec.composed).others):
        raise PolicyRefusal(
            "create.missing-parts",
            f"a template in `composed:` of {entry.id} has parts that an empty secret does not hold: "
            f"{', '.join(others)}; nothing was opened",
            "write those parts into the template as text; or write these keys into the secret, then "
            f"`rotation rotate {entry.id} --replace`",
        )


def _begin_anew(here: Installation, entry: "ConfiguredSecret") -> None:
    """Abandons an open adoption, which changes nothing, so it must not be in the way. So is one
    that a mistake in the configuration, such as a wrong user or region, sent to another
    credential."""
    for stream in here.open_streams_of(entry.id):
        rotation = replay(here.journal.entries(stream))
        if rotation.rules.adopts:
            request(here, rotation, Requested(verb="abandon"))
            here.runner.advance(stream)


def _refuse_staying(here: Installation, entry: "ConfiguredSecret") -> None:
    consumers = here.configuration.specification(entry).consumers
    staying = sorted(c.id for c in consumers if c.role == "reader" and not c.gone)
    if staying:
        raise PolicyRefusal(
            "retire.consumers-declared",
            f"consumers of {entry.id} are still declared: {', '.join(staying)}; nothing was opened",
            "state `gone: true` beside them, or give the reason with --gap",
        )
