"""What `run` or a named secret begins: secrets that are due, dead, or in a saved plan."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rotation.errors import AlreadyOpen, NeedsPerson, PolicyRefusal, RotationError
from rotation.execution.opening import refuse_doubtful
from rotation.journal.entries import Identity
from rotation.operations.installation import Installation
from rotation.operations.opening import is_open, open_rotation
from rotation.operations.replacing import refuse_inactive

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret
    from rotation.schedule.auto_replace import Gone
    from rotation.schedule.breaker import Trip


def unknown(here: Installation, names: Collection[str]) -> NeedsPerson | None:
    """An error where secrets that should rotate are unknown to the journal."""
    from rotation.schedule.admission import refuse_unknown  # noqa: PLC0415

    try:
        refuse_unknown(here.configuration, here.journal, names, here.clock.now())
    except NeedsPerson as error:
        return error
    return None


def undated(here: Installation, names: Collection[str]) -> "Iterable[tuple[ConfiguredSecret, str]]":
    from rotation.schedule import admission  # noqa: PLC0415

    return admission.undated(here.configuration, here.journal, names, here.clock.now())


def stops_if_behind(here: Installation) -> Iterable[PolicyRefusal]:
    """Stops the installation where its journal is behind the world: the next effect, here or in a
    live `serve`, then waits for an operator."""
    from rotation.schedule.brakes import read_only_stop, stop_if_behind  # noqa: PLC0415

    journal = here.journal
    stop_if_behind(here.configuration, journal, here.runner.id, here.clock.now())
    return read_only_stop(journal)


def due_now(here: Installation) -> Sequence["ConfiguredSecret"]:
    """The secrets to open. Raises PolicyRefusal where everything is stopped. Rotations that are
    open still go on up to where they are stopped, and a containment is never stopped."""
    from rotation.schedule import admission  # noqa: PLC0415

    refuse_doubtful(here.journal)
    return admission.due_now(here.configuration, here.journal, here.clock.now())


def trip(here: Installation) -> "list[Trip]":
    """Opens the breaker of each class and connection whose rotations fail too often."""
    from rotation.schedule import breaker  # noqa: PLC0415

    return breaker.trip(here.configuration, here.journal, here.runner.id, here.clock.now())


def lift_pauses(here: Installation) -> Iterator[str]:
    """Lets secrets go on whose pause has ended."""
    from rotation.operations.pauses import lift_ended  # noqa: PLC0415

    return lift_ended(here, here.clock.now())


def saved_plan(here: Installation, saved: Path) -> Sequence["ConfiguredSecret"]:
    from rotation.operations.planning import load_plan  # noqa: PLC0415
    from rotation.schedule.brakes import refuse_stopped, stops  # noqa: PLC0415

    refuse_doubtful(here.journal)
    refuse_stopped(stops(here.configuration, here.journal))
    return load_plan(here, saved)


def open_all(here: Installation, entries: Iterable["ConfiguredSecret"]) -> Iterator[RotationError]:
    """Opens each of them. One that cannot be opened is yielded as an error; the others go on."""
    for entry in entries:
        try:
            _open_routine(here, entry, trigger="run")
        except AlreadyOpen:
            continue
        except RotationError as error:
            yield error


def gone(
    here: Installation,
    names: Collection[str],
    failed: Callable[["ConfiguredSecret", RotationError], None],
) -> "Iterator[Gone]":
    """Dead credentials of classes that are replaced automatically. failed: called for each secret
    that could not be looked at."""
    from rotation.schedule import auto_replace  # noqa: PLC0415 -- only here

    configuration, now = here.configuration, here.clock.now()
    return auto_replace.gone(configuration, here.journal, here.bind, now, failed, names)


def replace_gone(here: Installation, each: "Gone") -> None:
    here.runner.open_replacement(
        each.stream, each.spec, trigger="run", reason=each.reason, seen=each.seen
    )


def under_way(here: Installation, names: Collection[str]) -> dict[str, str]:
    """Stream -> secret of what is open, of those or of all."""
    return {
        row.stream: row.secret
        for row in here.journal.identities()
        if row.plan is not None and (not names or row.secret in names)
    }


def refuse_read_only(here: Installation) -> None:
    """Checked before anything is opened or advanced. A freeze does not refuse here: it is waited
    for like any closed window."""
    from rotation.schedule.brakes import refuse_stopped  # noqa: PLC0415

    refuse_doubtful(here.journal)
    refuse_stopped(stops_if_behind(here))


def open_by_hand(here: Installation, entry: "ConfiguredSecret") -> Identity | None:
    """Opens a rotation, due or not. Returns the one that is open already, if there is one."""
    refuse_inactive(entry)
    if is_open(here, entry.stream):
        return here.journal.identity(entry.stream)
    trip(here)  # `run` and `serve` have looked by then, once for all
    _open_routine(here, entry, trigger="person")
    return None


def _open_routine(here: Installation, entry: "ConfiguredSecret", *, trigger: str) -> None:
    from rotation.schedule.admission import refusals_of_unmerged  # noqa: PLC0415
    from rotation.schedule.breaker import group_of, trips  # noqa: PLC0415

    refusal = refusals_of_unmerged(here.configuration, here.journal).get(entry.stream)
    if refusal is not None:
        raise refusal
    if (tripped := trips(here.journal).get(group_of(entry))) is not None:
        raise tripped.refusal
    open_rotation(here, entry, "routine", trigger=trigger)
