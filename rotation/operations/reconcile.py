"""Compares the world with the journal. Both are read, and the world is not changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Self

from rotation.errors import NeedsPerson, NotYet, PolicyRefusal, RotationError
from rotation.execution.effects import drift, neighbours, shared
from rotation.execution.effects.context import Context
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Baseline, Failure, Issued, Written
from rotation.journal.installation_facts import Frozen, Looked
from rotation.machine.leftover import leftovers_of
from rotation.machine.replay import Rotation, RowState, replay
from rotation.machine.unaccounted import Seen, seen_of, with_look
from rotation.operations.installation import Installation
from rotation.plan import Step
from rotation.report.health import CredentialStatus, Readers, given, standing
from rotation.schedule.brakes import BEHIND_MIN, read_only
from rotation.types import Facts, KeyState, Listing, StoreState


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference."""

    code: str
    message: str
    next: str
    down: bool = False  # readers get an instance that the issuer lists as gone or off
    strangers: tuple[str, ...] = ()  # unknown live instances
    off: tuple[str, ...] = ()  # instances that an open rotation has as working

    def as_error(self) -> NeedsPerson:
        return NeedsPerson(self.code, self.message, self.next)


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    differences: Sequence[Difference]
    error: RotationError | None = None  # why the store or the issuer did not answer
    looked: bool = True  # both answered

    @property
    def strangers(self) -> frozenset[str]:
        return frozenset(each for difference in self.differences for each in difference.strangers)

    @property
    def differs(self) -> Facts:
        """Everything else: by its code a sentence and one next step."""
        return {
            each.code: [each.message, each.next]
            for each in self.differences
            if not each.strangers and not each.off
        }

    @property
    def clock(self) -> Facts:
        """Whether the clock here is right has nothing to do with one secret."""
        return {
            each.code: [each.message, each.next] for each in self.differences if each.code == CLOCK
        }

    def without_clock(self) -> Self:
        return replace(self, differences=[d for d in self.differences if d.code != CLOCK])

    @property
    def down(self) -> bool:
        return any(each.down for each in self.differences)

    @property
    def off(self) -> frozenset[str]:
        return frozenset(each for difference in self.differences for each in difference.off)


def look(here: Installation, name: str) -> Found:
    """What would stop a rotation of that secret at its first step."""
    entries = here.records.entries(here.entry(name).stream)
    if not entries:
        unknown = Difference(
            "reconcile.unknown", "the journal does not know this secret", f"rotation adopt {name}"
        )
        return Found([unknown], looked=False)
    try:
        return Found(list(_differences(_context(here, name, replay(entries)))))
    except RotationError as error:
        down = Failure.of(error.facts).all_gone and bool(given(replay(entries)))
        unseen = Difference(error.code, error.message, error.hint, down=down)
        return Found([unseen], error, looked=False)


def _context(here: Installation, name: str, rotation: Rotation) -> Context:
    """A context for a look at a rotation: at its present step or, if it is closed, after it."""
    spec = here.specification(name)
    if rotation.outcome is not None:
        rotation = _at_rest(rotation, rotation.result)
    return Context(
        rotation=rotation, row=rotation.rows[0], spec=spec, bound=here.bind(spec),
        clock=here.clock, installation=here.records.installation, attempt="",
        in_doubt=False, note=_nothing_to_note,
        others=partial(here.others(), spec),
    )  # fmt: skip


def _at_rest(rotation: Rotation, result: Baseline) -> Rotation:
    states = {position: RowState() for position in rotation.states}
    left, attempts = leftovers_of(result), frozenset(result.attempts)
    return replace(rotation, baseline=result, states=states, leftovers=left, attempts=attempts)


def _nothing_to_note(made: Issued) -> None:
    raise AssertionError(f"a look notes nothing: {made.new}")


def _differences(cx: Context) -> Iterator[Difference]:
    state, listing = cx.store_state(), cx.listing()
    for check in _checks(cx, state, listing):
        try:
            check()
        except NotYet:
            continue  # still on its way
        except NeedsPerson as difference:
            named = (Failure.of(difference.facts).instances or "").split(",")
            off = difference.code == "held.found-suspended"
            dead = off or difference.code == "held.instance-missing"
            yield Difference(
                difference.code,
                difference.message,
                difference.hint if cx.rotation.outcome is None else _at_rest_hint(cx, difference),
                down=dead and _given(cx.rotation) in named,
                strangers=tuple(named) if difference.code == "held.unknown-instance" else (),
                off=tuple(named) if off and cx.rotation.outcome is None else (),
            )


def _at_rest_hint(cx: Context, difference: NeedsPerson) -> str:
    """While no rotation is open, none can be resumed or resolved."""
    name = cx.spec.secret
    if difference.code == "held.found-suspended":
        return f"switch it on at the service, or `rotation rotate {name} --replace`"
    if "`rotation resolve" in difference.hint:
        return f"{difference.hint}, after `rotation rotate {name}` was held for it"
    return difference.hint


def _checks(cx: Context, state: StoreState, listing: Listing) -> tuple[Callable[[], None], ...]:
    edited = _edited(cx, state)
    current = edited[0] if edited else _current(cx.rotation)
    return (
        lambda: drift.check_clocks(cx),
        lambda: drift.check_writable(cx, state),
        lambda: drift.check_copies(cx, state),
        lambda: drift.check_current(cx, state, current),
        lambda: drift.check_pending(cx, state),
        lambda: drift.check_pointers(cx, state, edited),
        lambda: _instances(cx, listing),
        lambda: shared.check(cx, shared.known(cx, listing)),
    )


def _edited(cx: Context, state: StoreState) -> tuple[str, ...]:
    """Versions in which a person changed other keys than ours, as the next rotation would see it. Who
    may not read the bytes is told that the version is another one."""
    if cx.rotation.outcome is None:
        return ()
    try:
        return neighbours.edited(cx, state)
    except RotationError:
        return ()


def _current(rotation: Rotation) -> str | None:
    """What readers should get now. In an open rotation it depends on the promotion."""
    if rotation.outcome is None and rotation.state(Step.PROMOTE).done:
        return rotation.state(Step.DEMOTE).record(Written).version or rotation.new_version
    return rotation.baseline.version


def _instances(cx: Context, listing: Listing) -> None:
    """Compares the instances. An open rotation may have switched some off itself, or may be about
    to."""
    if cx.rotation.outcome is None:
        drift.check_names(listing, drift.expected_instances(cx))
        drift.check_unknown(cx, listing, drift.expected_instances(cx))
        _readers_instance(cx, listing)
        _beside(cx, listing)
    else:
        drift.check_instances(cx, listing)
        _switched_on(cx, listing, {*cx.rotation.scope} if cx.rotation.rules.contains else set())


def _readers_instance(cx: Context, listing: Listing) -> None:
    """Checks that what readers get is alive, unless an open emergency or replacement explains that
    it is not."""
    handle = _given(cx.rotation)
    rules = cx.rotation.rules
    meant = rules.contains or rules.replaces_dead or rules.retires or not cx.traits.lists
    if handle is None or meant or cx.traits.delegated:
        return
    if handle not in listing.ids:
        raise NeedsPerson(
            "held.instance-missing",
            f"the issuer no longer lists {handle}, which readers get",
            f"`rotation rotate {cx.spec.secret} --replace` makes a new one at once",
            instances=handle,
        )
    drift.check_active(listing, handle)


def _beside(cx: Context, listing: Listing) -> None:
    """Checks instances that readers do not get but that the way back or the way on needs."""
    if not cx.traits.lists or cx.traits.delegated:
        return
    alive = _alive(cx.rotation)
    if gone := sorted(alive - listing.ids):
        raise drift.missing(cx, gone)
    if not cx.rotation.rules.contains:  # in an emergency they are meant to be off
        for handle in sorted(alive):
            drift.check_active(listing, handle)
    _switched_on(cx, listing, _off(cx.rotation))


def _switched_on(cx: Context, listing: Listing, off: set[str]) -> None:
    """Checks that what was switched off is still off."""
    on = [h.id for h in listing.handles if h.id in off and h.state is KeyState.ACTIVE]
    if on:
        raise NeedsPerson(
            "reconcile.switched-on",
            f"{', '.join(sorted(on))} is active, and was switched off here",
            "find out who needs it. Where it leaked: "
            f"`rotation emergency {cx.spec.secret} --key-id {min(on)}`",
        )


def _off(rotation: Rotation) -> set[str]:
    """What this rotation has switched off and not destroyed."""
    now = standing(replace(rotation, held=None))
    lives = {now.old: now.old_life, now.new: now.new_life}
    off = {each for each, life in lives.items() if each and life is CredentialStatus.OFF}
    return off | ({*rotation.scope} if rotation.done(Step.CONTAIN) else set())


def _alive(rotation: Rotation) -> set[str]:
    """Instances that should work, whatever the rotation is Held for: it did not switch them off,
    and cannot have."""
    now = standing(replace(rotation, held=None))
    lives = {now.old: now.old_life, now.new: now.new_life}
    return {each for each, life in lives.items() if each and life is CredentialStatus.WORKS}


def _given(rotation: Rotation) -> str | None:
    """The instance that readers get; None where a move of the label is in doubt."""
    now = standing(rotation)
    return {Readers.OLD: now.old, Readers.NEW: now.new}.get(now.readers)


# -------------------------------------------------------------------------- what is written down


def may_go_on(here: Installation, found: Mapping[str, Found], *, accept: bool) -> bool:
    """Whether a read-only installation may have effects again, now that a person has looked. Raises
    where this is the wrong journal."""
    reason = read_only(here.records)
    if reason is None:
        return False
    behind = [
        name
        for name, one in found.items()
        if "held.journal-behind" in {each.code for each in one.differences}
    ]
    if len(behind) >= BEHIND_MIN and not accept:
        raise PolicyRefusal(
            "installation.read-only",
            f"read-only: {reason}; {len(behind)} of {len(found)} still do",
            "restore the newest journal; if it is gone for good: `rotation reconcile --accept`",
        )
    return True


def go_on(here: Installation) -> None:
    facts = Frozen(read_only=False, reason="reconciled").facts
    draft = Draft(kind=Kind.FROZEN, who=here.who, facts=facts)
    here.journal.record(draft, here.runner.id, here.clock.now())


_NOTHING = Seen((), (), datetime.min.replace(tzinfo=UTC))
CLOCK = "held.clock"


def is_news(here: Installation, stream: str, found: Found) -> bool:
    """Whether this look found something else than the one before it."""
    seen = seen_of(here.records.installation_entries(Kind.SEEN)).get(stream) or _NOTHING
    known_off = with_look(replay(here.records.entries(stream)), seen).found_off
    return (
        found.strangers != frozenset(seen.instances)
        or found.off != known_off
        or (found.differs.keys(), found.down) != (seen.differs.keys(), seen.down)
    )


def remember(here: Installation, stream: str, found: Found) -> None:
    """Records it, so that `status` shows it."""
    looked = Looked(
        stream=stream, instances=sorted(found.strangers), off=sorted(found.off),
        differs=found.differs, down=found.down,
    )  # fmt: skip
    draft = Draft(kind=Kind.SEEN, who=here.who, facts=looked.facts)
    here.journal.record(draft, here.runner.id, here.clock.now())
