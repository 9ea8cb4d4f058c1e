"""What is begun when somebody types `run` or names a secret: what is due, what is dead, what a saved
plan holds."""

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


def unknown(here: Installation, names: Collection[str]) -> NeedsPerson | None:
    """That secrets which should rotate are none that the journal knows."""
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
    """The next effect, here or in a live `serve`, waits for a person."""
    from rotation.schedule.brakes import read_only_stop, stop_if_behind  # noqa: PLC0415

    journal = here.journal
    stop_if_behind(here.configuration, journal, here.runner.id, here.clock.now())
    return read_only_stop(journal)


def due_now(here: Installation) -> Sequence["ConfiguredSecret"]:
    """PolicyRefusal where everything is stopped. What is open goes on up to where it is stopped; a
    containment goes on whatever is."""
    from rotation.schedule import admission  # noqa: PLC0415

    refuse_doubtful(here.journal)
    return admission.due_now(here.configuration, here.journal, here.clock.now())


def saved_plan(here: Installation, saved: Path) -> Sequence["ConfiguredSecret"]:
    from rotation.operations.planning import load_plan  # noqa: PLC0415
    from rotation.schedule.brakes import refuse_stopped, stops  # noqa: PLC0415

    refuse_doubtful(here.journal)
    refuse_stopped(stops(here.configuration, here.journal))
    return load_plan(here, saved)


def open_all(here: Installation, entries: Iterable["ConfiguredSecret"]) -> Iterator[RotationError]:
    """Each that cannot be opened is reported, and the others go on."""
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
    """Of classes that are replaced by themselves. failed: is told of each that could not be looked
    at."""
    from rotation.schedule import auto_replace  # noqa: PLC0415 -- only here

    configuration, now = here.configuration, here.clock.now()
    return auto_replace.gone(configuration, here.journal, here.bind, now, failed, names)


def replace_gone(here: Installation, each: "Gone") -> None:
    here.runner.open_replacement(
        each.stream, each.spec, trigger="run", reason=each.reason, seen=each.seen
    )


def refuse_read_only(here: Installation) -> None:
    """Before anything is opened or advanced. A frozen window is waited for, as any other."""
    from rotation.schedule.brakes import refuse_stopped  # noqa: PLC0415

    refuse_doubtful(here.journal)
    refuse_stopped(stops_if_behind(here))


def open_by_hand(here: Installation, entry: "ConfiguredSecret") -> Identity | None:
    """Due or not. Returns what is open already, and goes on."""
    refuse_inactive(entry)
    if is_open(here, entry.stream):
        return here.journal.identity(entry.stream)
    _open_routine(here, entry, trigger="person")
    return None


def _open_routine(here: Installation, entry: "ConfiguredSecret", *, trigger: str) -> None:
    from rotation.schedule.admission import refusals_of_unmerged  # noqa: PLC0415

    refusal = refusals_of_unmerged(here.configuration, here.journal).get(entry.stream)
    if refusal is not None:
        raise refusal
    open_rotation(here, entry, "routine", trigger=trigger)
