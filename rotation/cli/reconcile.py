"""`reconcile`: does the world equal the journal? Both are read, and nothing is changed there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import AT_RISK, GENERIC, HELD, OK, code_of, worst
from rotation.cli.options import maybe_name_argument
from rotation.cli.say import as_json, note, plain, result
from rotation.cli.session import Session, open_session
from rotation.cli.strangers import remember
from rotation.due import BEHIND_MIN, read_only
from rotation.effects import shared, world
from rotation.effects.context import Context
from rotation.entries import Draft, Kind
from rotation.errors import NeedsPerson, NotYet, PolicyRefusal, RotationError
from rotation.fold import Rotation, RowState, fold, listed
from rotation.health import Life, Readers, given, standing
from rotation.leftover import leftovers_of
from rotation.plan import Step
from rotation.types import Facts, Listing, StoreState


@dataclass(frozen=True, slots=True)
class Difference:
    """down: readers get it, and the issuer says that it is gone or off. strangers: live instances
    that are not known."""

    code: str
    message: str
    next: str
    down: bool = False
    strangers: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return AT_RISK if self.down else HELD


@verb("reconcile", "reconcile", "reconcile billing-iam", "reconcile -o json")
@maybe_name_argument
@click.option(
    "--accept", is_flag=True, help="Go on with this journal, although it is behind in many places."
)
def reconcile(name: str | None, *, accept: bool) -> int:
    """Compare the world with the journal.

    The store and the issuer are asked, the journal says what it last recorded. Nothing is changed
    but one note: live instances that nobody knows are written down, so that `status` shows them.

    Exit code 11 where they differ: the next rotation would be Held for that. 12 where the issuer
    says that what readers get is gone or off. An installation that
    became read-only because its journal is behind in many places goes on once it no longer is, or
    with --accept.
    """
    with open_session(effectful=False) as session:
        names = (
            [session.entry(name).id] if name else [e.id for e in session.configuration.secrets()]
        )
        found = {each: look(session, each) for each in names}
        for each in names:
            remember_strangers(session, each, found[each])
        if settings().output == "json":
            as_json("reconcile", {"secrets": [_json(each, found[each]) for each in names]})
        else:
            for each in names:
                _tell(each, found[each])
        if name is None:
            _lift(session, found, accept=accept)
        return worst(each.exit_code for each in found.values())


def _lift(session: Session, found: Mapping[str, "Found"], *, accept: bool) -> None:
    """A person looked: the installation may have effects again, unless the journal is the wrong
    one."""
    reason = read_only(session.records)
    if reason is None:
        return
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
    with open_session(effectful=True) as writing:
        facts: Facts = {"read_only": False, "reason": "reconciled"}
        draft = Draft(kind=Kind.FROZEN, who=writing.who, facts=facts)
        writing.journal.record(draft, writing.runner.id, writing.clock.now())
    note("no longer read-only")


@dataclass(frozen=True, slots=True)
class Found:
    """looked: the store and the issuer answered."""

    differences: list[Difference]
    exit_code: int
    looked: bool = True


def look(session: Session, name: str) -> Found:
    """What would stop a rotation of that secret at its first step."""
    entries = session.records.entries(session.entry(name).stream)
    if not entries:
        unknown = Difference(
            "reconcile.unknown", "the journal does not know this secret", f"rotation adopt {name}"
        )
        return Found([unknown], GENERIC, looked=False)
    try:
        differences = list(_differences(_context(session, name, fold(entries))))
    except RotationError as error:
        down = error.facts.get("all_gone") is True and bool(given(fold(entries)))
        unseen = Difference(error.code, error.message, error.hint, down=down)
        code = unseen.exit_code if down else code_of(error)
        return Found([unseen], code, looked=False)
    return Found(differences, worst(each.exit_code for each in differences))


def remember_strangers(session: Session, name: str, found: Found) -> None:
    if found.looked:
        strangers = {each for difference in found.differences for each in difference.strangers}
        remember(session, session.entry(name).stream, strangers)


def _context(session: Session, name: str, rotation: Rotation) -> Context:
    """A look from where the rotation stands; of a closed one, from what it left."""
    spec = session.specification(name)
    if rotation.result is not None:
        rotation = _at_rest(rotation, rotation.result)
    return Context(
        rotation=rotation, row=rotation.rows[0], spec=spec, bound=session.bind(spec),
        clock=session.clock, installation=session.records.installation, attempt="",
        in_doubt=False, note=_nothing_to_note, fence=_unfenced,
        others=partial(session.others(), spec),
    )  # fmt: skip


def _at_rest(rotation: Rotation, result: Facts) -> Rotation:
    states = {position: RowState() for position in rotation.states}
    left, attempts = leftovers_of(result), frozenset(listed(result, "attempts"))
    return replace(rotation, baseline=result, states=states, leftovers=left, attempts=attempts)


def _nothing_to_note(facts: Facts) -> None:
    raise AssertionError(f"a look notes nothing: {sorted(facts)}")


def _unfenced() -> None:
    """A look holds no lease that could be lost."""


def _differences(cx: Context) -> Iterator[Difference]:
    state, listing = cx.store_state(), cx.listing()
    for check in _checks(cx, state, listing):
        try:
            check()
        except NotYet:
            continue  # on its way
        except NeedsPerson as difference:
            named = str(difference.facts.get("instances", "")).split(",")
            dead = difference.code in ("held.instance-missing", "held.found-suspended")
            yield Difference(
                difference.code,
                difference.message,
                difference.hint,
                down=dead and _given(cx.rotation) in named,
                strangers=tuple(named) if difference.code == "held.unknown-instance" else (),
            )


def _checks(cx: Context, state: StoreState, listing: Listing) -> tuple[Callable[[], None], ...]:
    return (
        lambda: world.check_clocks(cx),
        lambda: world.check_writable(cx, state),
        lambda: world.check_copies(cx, state),
        lambda: world.check_current(cx, state, _current(cx.rotation)),
        lambda: world.check_pending(cx, state),
        lambda: world.check_pointers(cx, state),
        lambda: _instances(cx, listing),
        lambda: shared.check(cx, shared.known(cx, listing)),
    )


def _current(rotation: Rotation) -> object:
    """What readers should get now: of an open rotation it depends on the promotion."""
    if rotation.outcome is None and rotation.state(Step.PROMOTE).done:
        return rotation.fact(Step.DEMOTE, "version") or rotation.new_version
    return rotation.baseline.get("version")


def _instances(cx: Context, listing: Listing) -> None:
    """While a rotation is open some are off by its own doing: only strangers count, and what it has
    as alive."""
    if cx.rotation.outcome is None:
        world.check_names(listing, world.expected_instances(cx))
        world.check_unknown(cx, listing, world.expected_instances(cx))
        _readers_instance(cx, listing)
        _beside(cx, listing)
    else:
        world.check_instances(cx, listing)


def _readers_instance(cx: Context, listing: Listing) -> None:
    """What readers get is alive, but for an emergency or a replacement, which is open for that."""
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
    world.check_active(listing, handle)


def _beside(cx: Context, listing: Listing) -> None:
    """What readers do not get and works all the same: the way back needs it, or the way on."""
    now = standing(replace(cx.rotation, held=None))
    lives = {now.old: now.old_life, now.new: now.new_life}
    alive = {each for each, life in lives.items() if each and life is Life.WORKS}
    if cx.traits.lists and not cx.traits.delegated and (gone := sorted(alive - listing.ids)):
        raise world.missing(cx, gone)


def _given(rotation: Rotation) -> str | None:
    """The instance that readers get; None where a move of the label is in doubt."""
    now = standing(rotation)
    return {Readers.OLD: now.old, Readers.NEW: now.new}.get(now.readers)


def _tell(name: str, found: Found) -> None:
    if not found.differences:
        result(f"{click.style('✓', fg='green')} {plain(name)}")
    for each in found.differences:
        result(f"{click.style('✗', fg='red')} {plain(f'{name}: {each.message} [{each.code}]')}")
        if each.next:
            result(plain(f"    next: {each.next}"))


def _json(name: str, found: Found) -> dict[str, Any]:
    told = [
        {"code": each.code, "message": each.message, "hint": each.next or None}
        for each in found.differences
    ]
    return {"secret": name, "equal": found.exit_code == OK, "differences": told}
