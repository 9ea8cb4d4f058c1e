"""Declares an emergency: what leaked, what of it is switched off, and who agreed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from rotation.errors import (
    JournalError,
    JournalMoved,
    PolicyRefusal,
    RotationError,
    UnknownName,
    UsageError,
)
from rotation.journal.entries import NONSENSE, Draft, Kind, as_damage
from rotation.journal.facts import Opened, Requested
from rotation.journal.spill import SpillRecord, is_known
from rotation.machine.replay import Rotation, can_go_back, replay
from rotation.operations.approvals import go_without
from rotation.operations.containment import bound_for_containment
from rotation.operations.installation import Installation
from rotation.operations.requests import open_rotation_of
from rotation.operations.survey import ExposureReport, Past, survey
from rotation.operations.target import Target, past_of, target_of
from rotation.operations.under_way import UnderWay, under_way
from rotation.plan.specification import spec_from_json
from rotation.types import Specification, stream_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the operator asked for, besides the secret's name."""

    key_id: str | None
    reason: str | None
    override_hold: bool
    all_instances: bool
    destroy_foreign: bool
    without_approval: bool = False
    #: Agreed to what is shown first, and to nothing that comes after it.
    yes: bool

    def opened(self) -> Opened:
        """The facts with which COMPROMISED is opened, without the scope."""
        asked = Opened(reason=self.reason or "not given")
        foreign = Opened(destroy_foreign=True) if self.destroy_foreign else Opened()
        return asked | foreign | self.alone

    @property
    def alone(self) -> Opened:
        """What says that it does not wait for the people who have to agree."""
        return Opened(without_approval=True) if self.without_approval else Opened()


class Person(Protocol):
    """The operator who declares it, whatever the user interface."""

    def doubts(self, doubt: str) -> None:
        """The journal may have been altered from outside."""

    def agrees(self, target: Target, found: ExposureReport, scope: Sequence[str]) -> None:
        """Shows what is to be switched off. Raises where the operator does not agree."""

    def misses(self, target: Target, handle: str) -> None:
        """That instance appeared after the operator agreed, and is left alone."""

    def meets(self, target: Target, other: UnderWay) -> None:
        """Somebody has declared it already."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The open emergency."""

    target: Target
    said: Opened  # the facts that it was opened with
    # What was confirmed; None: somebody else's emergency is continued.
    found: ExposureReport | None = None
    why: RotationError | None = None  # why nothing but the switch-off is possible
    nothing_lives: bool = False  # none was opened, because there is nothing to switch off


def declare(here: Installation, words: Sequence[str], asked: Asked, person: Person) -> Declared:
    """Declares it from the journal, or without one where it cannot be read."""
    past, unwritable = past_of(here)
    if past is None:
        target = target_of(here, None, words, asked.key_id)
        return _Declaring(here, None, target, asked, person).declared(unwritable)
    try:
        target = target_of(here, past, words, asked.key_id)
        if unwritable is None:
            _report_doubt(here, target.stream, person)
        return _Declaring(here, past, target, asked, person).declared(unwritable)
    except (JournalError, *NONSENSE) as error:
        damage = as_damage(error)
    if words and here.configuration.secret(words[0]) is None:
        raise damage  # only that process knows what it is
    target = target_of(here, None, words, asked.key_id)
    return _Declaring(here, None, target, asked, person).declared(damage)


def _report_doubt(here: Installation, stream: str, person: Person) -> None:
    """A doubtful journal stops no containment, but it may be wrong about whose an instance is."""
    with suppress(JournalError):
        doubt = here.journal.doubt(stream)
        if doubt is not None:
            person.doubts(doubt)


@dataclass
class _Declaring:
    """past: None where the journal cannot be read."""

    here: Installation
    past: Past | None
    target: Target
    asked: Asked
    person: Person

    def declared(self, why: RotationError | None) -> Declared:
        """Shows, confirms and opens the emergency. why: nothing but the switch-off is possible."""
        target, asked, agreed = self.target, self.asked, list[str]()
        said = asked.opened()
        bound, broken = bound_for_containment(self.here, target.spec)
        why = why or broken
        while True:
            before = self._latest()
            _refuse_on_hold(before, target, override=asked.override_hold)
            if why is None and (mine := self._joined(before)) is not None:
                return Declared(target, Opened.of(mine.opened.facts))
            found = survey(self.past, bound, target.stream, target.spec, asked.key_id)
            if found.seen != (before.last.seq if before is not None else 0):
                continue  # somebody else may have declared it
            if asked.key_id is None and why is None and not found.suspects:
                return Declared(target, said, nothing_lives=True)
            agreed = self._agreed(found, agreed)
            said |= Opened(scope=agreed)
            if why is not None:
                return Declared(target, said, found, why)
            try:
                self._open(found, said)
            except JournalMoved:
                continue  # perhaps under another instance's id: look again
            except (JournalError, *NONSENSE) as error:
                return Declared(target, said, found, as_damage(error))
            return Declared(target, said, found)

    def _latest(self) -> Rotation | None:
        entries = self.past.entries(self.target.stream) if self.past is not None else ()
        return replay(entries) if entries else None

    def _joined(self, before: Rotation | None) -> Rotation | None:
        target, asked = self.target, self.asked
        other = under_way(self.here, target.name, before, asked.key_id, others=asked.all_instances)
        if other is None:
            return None
        self.person.meets(target, other)
        return None if other.stuck else other.rotation

    def _agreed(self, found: ExposureReport, agreed: Sequence[str]) -> list[str]:
        """The scope. The operator is asked again where it is no longer what they agreed to."""
        scope = scope_of(found, self.asked.key_id, all_instances=self.asked.all_instances)
        if self.asked.yes and agreed:
            scope = self._as_shown(found, scope, agreed)
        if scope != agreed:
            self.person.agrees(self.target, found, scope)
        return scope

    def _as_shown(
        self, found: ExposureReport, scope: list[str], agreed: Sequence[str]
    ) -> list[str]:
        """An agreement in advance covers what was shown: an instance that appeared meanwhile is
        left alone and named."""
        left = [h for h in scope if h in agreed or h in found.declared]
        if not left:
            raise PolicyRefusal(
                "emergency.scope-changed",
                f"{', '.join(agreed)} ended meanwhile and {', '.join(scope)} came, which was not "
                "shown; nothing was done",
                f"`rotation status {self.target.name}` says who replaced it; run it again if that "
                "one leaked as well",
            )
        for handle in scope:
            if handle not in left:
                self.person.misses(self.target, handle)
        return left

    def _open(self, found: ExposureReport, said: Opened) -> None:
        self.here.runner.open_emergency(
            self.target.stream, self.target.spec, found.baseline,
            who=self.here.who, said=said, seen=found.seen,
        )  # fmt: skip


def scope_of(found: ExposureReport, key_id: str | None, *, all_instances: bool) -> list[str]:
    """The instances to switch off, of those that the operator asked for."""
    if key_id is not None:
        if key_id not in {suspect.id for suspect in found.suspects}:
            known = ", ".join(suspect.id for suspect in found.suspects) or "none"
            raise UnknownName(
                "emergency.unknown-key",
                f"the issuer does not list {key_id}; nothing was done",
                f"it lists: {known}",
            )
        return list(dict.fromkeys([*found.declared, key_id]))
    # Without the journal nobody knows whose they are, so all that were just read are meant.
    meant = found.ours + (found.others if all_instances or not found.known else [])
    scope = [h for h in meant if not found.came_later(h)]
    scope = list(dict.fromkeys([*found.declared, *scope]))
    if not scope:
        raise PolicyRefusal(
            "emergency.nothing-ours",
            "no live instance is known to be ours; nothing was done",
            "--key-id ID names one, --all-instances all that are listed; where readers are down: "
            "`rotation rotate NAME --replace`",
        )
    return scope


def _refuse_on_hold(rotation: Rotation | None, target: Target, *, override: bool) -> None:
    if rotation is not None and rotation.on_hold is not None and not override:
        raise PolicyRefusal(
            "emergency.on-hold",
            f"{target.name} is {rotation.paused}; nothing was done",
            "ask who paused it, or add --override-pause",
        )


def looked_at(here: Installation, target: Target) -> ExposureReport:
    return survey(here.journal, here.bind(target.spec), target.stream, target.spec)


# ---------------------------------------------------------------------------- brought in later


def merge(here: Installation, record: SpillRecord) -> tuple[Target, Opened]:
    """Brings what was contained without the journal into it, once. Returns the target and the facts
    that the journal got."""
    target = _target_of(here, record)
    said = Opened(
        spill=record.id, reason=record.reason, scope=record.scope, active=record.active,
        contained=record.contained, contained_at=record.at, merged_by=here.who,
    )  # fmt: skip
    if record.destroy_foreign:
        said |= Opened(destroy_foreign=True)
    while not is_known((e.facts for e in here.journal.history(record.stream)), record.id):
        entries = here.journal.entries(record.stream)
        rotation = replay(entries) if entries else None
        if rotation is not None and _covers(rotation, record.scope):
            draft = Draft(
                kind=Kind.REQUESTED,
                who=record.who,
                facts={**Requested(verb="merge").facts, **said.facts},
            )
            here.journal.request(record.stream, draft, here.runner.id, here.clock.now())
            continue
        found = looked_at(here, target)
        said |= Opened(scope=dict.fromkeys([*record.scope, *found.declared]))
        with suppress(JournalMoved):
            here.runner.open_emergency(
                record.stream, target.spec, found.baseline,
                who=record.who, said=said, seen=found.seen,
            )  # fmt: skip
    # It is contained already, and nobody could see then who agreed.
    go_without(here, record.stream, str(record.reason), record.who)
    return target, said


def _target_of(here: Installation, record: SpillRecord) -> Target:
    """The target by the present configuration; by the stored specification where the name stands
    for another identity now."""
    spec = here.live_specification(record.secret) or _spilled(record)
    if stream_of(spec.issuer.type, spec.identity) != record.stream:
        spec = _spilled(record)
    return Target(here.called(record.secret), record.stream, spec)


def _spilled(record: SpillRecord) -> Specification:
    try:
        return spec_from_json(record.spec)
    except JournalError:
        raise UsageError(
            "emergency.spill-specification",
            "this version of the program cannot read what that spill says of its secret; nothing was merged",
            "merge it with the version that wrote it; or `rotation emergency NAME` records what is "
            "switched off now, and then move the file away",
        ) from None


def _covers(rotation: Rotation, scope: Sequence[str]) -> bool:
    """Whether an open emergency already covers all of it."""
    return rotation.outcome is None and rotation.rules.contains and {*scope} <= {*rotation.scope}


# -------------------------------------------------------------------------------- taken back


def to_cancel(here: Installation, name: str) -> Rotation:
    """The open emergency, if it can still be cancelled; else raises PolicyRefusal."""
    rotation = open_rotation_of(here, name)
    if not rotation.rules.contains:
        raise PolicyRefusal(
            "emergency.none",
            f"{name} has no open emergency; nothing was done",
            f"`rotation rollback {name}` goes back in an ordinary rotation",
        )
    if not can_go_back(rotation):
        raise PolicyRefusal(
            "emergency.too-late",
            "the successor is current, or what leaked is destroyed; there is no way back",
            f"let it finish: `rotation show {name}`",
        )
    return rotation
