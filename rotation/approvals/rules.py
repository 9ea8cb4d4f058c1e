"""What an approval is for, and whether there are enough. Pure: from entries and a rotation."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotation.config.approving import Demands
from rotation.journal.approving import Approval, Request
from rotation.journal.decided import Deciding
from rotation.journal.entries import Entry, canonical, stamp
from rotation.journal.facts import Opened
from rotation.machine.decide import Wait
from rotation.machine.replay import Mode, Rotation, cut_of, replaced_by
from rotation.plan import PlanRules, RowInstance, Step

ASKED, GIVEN, REFUSED, WITHOUT = "asked", "given", "refused", "without"
REVIEWED = "reviewed"
HEAD = "rotation approval, form 1"


@dataclass(frozen=True, slots=True)
class Asks(Wait):
    """A wait that ends when enough people have agreed. refused: one of them said no."""

    refused: bool = False


def demanded(rotation: Rotation, row: RowInstance) -> tuple[str, ...]:
    """The kinds of approval that the row needs, where its class demands them. The way back needs
    none."""
    if rotation.mode is not Mode.FORWARD:
        return ()
    found = kinds(rotation.rules, {each.step for each in rotation.rows}, row.step)
    return found or (("destroy",) if removed_by(rotation, row) else ())


def removed_by(rotation: Rotation, row: RowInstance) -> list[str]:
    """Instances of earlier rotations, or that a person gave up, which the row destroys beside its own
    work. While readers have nothing that works, only what a person gave up is asked about."""
    rules = rotation.rules
    if rules.contains or row.step not in (Step.ISSUE, Step.MAKE_ROOM, Step.TIDY):
        return []
    if row.step is Step.MAKE_ROOM:
        return sorted(rotation.given_up)
    removes = rules.retires if row.step is Step.TIDY else not rules.replaces_dead
    return sorted(rotation.leftovers) if removes and replaced_by(rotation) is None else []


def kinds(plan: PlanRules, steps: Collection[Step], step: Step) -> tuple[str, ...]:
    """The same of a step of a plan. What gives readers of a dead credential a new one needs none."""
    cut = cut_of(plan, steps)
    if step is Step.DESTROY:  # in an emergency it is off already, so nothing is lost
        return ("destroy",)
    if plan.contains:
        return ("emergency",) if step is (cut or Step.CONTAIN) else ()
    if plan.replaces_dead:
        return ()
    if cut is not None:  # what follows it must not wait
        return ("destroy", "promote") if step is cut else ()
    return ("promote",) if step is Step.PROMOTE else ()


def needed(demands: Demands, asks: Sequence[str]) -> int:
    return max((int(getattr(demands, kind)) for kind in asks), default=0)


def number_of(entry: Entry) -> str:
    """What names an entry for ever."""
    return entry.hash or f"{entry.stream} {entry.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the installation says of the secret now."""

    installation: str
    secret: str
    environment: str
    policy: str
    demands: Demands
    may: tuple[str, ...]  # ids of those who may agree


def request_for(
    rotation: Rotation, row: RowInstance, around: Surroundings, begins: datetime
) -> Request:
    """What an approver is asked for. begins: when the step may be taken, from which its end counts."""
    asks = demanded(rotation, row)
    rows = [each for each in rotation.rows if each.position >= row.position]
    return Request(
        secret=around.secret,
        environment=around.environment,
        policy=around.policy,
        stream=rotation.stream,
        rotation=number_of(rotation.opened),
        row=_row(rotation, row),
        step=asks[0],
        plan=rotation.plan,
        requester=rotation.opened.who,
        needs=needed(around.demands, asks),
        by=around.may,
        expires=begins + timedelta(seconds=around.demands.expire_s),
        does=_does(rotation, row),
        rows=[each.name for each in rows],
        digest=digest(rotation, row, around),
    )


def _row(rotation: Rotation, row: RowInstance) -> list[str | int]:
    return [row.name, row.position, rotation.states[row.position].round]


def _does(rotation: Rotation, row: RowInstance) -> str:
    if left := removed_by(rotation, row):
        return (
            f"ends {', '.join(left)} for good, which an earlier rotation left or a person gave up"
        )
    if rotation.rules.contains and row.step is not Step.DESTROY:
        return f"switches off {', '.join(rotation.scope) or rotation.old}, and replaces it"
    if row.step is Step.PROMOTE:
        return f"readers get {rotation.new or 'the new credential'} in the place of {rotation.old or 'none'}"
    ends = rotation.scope if rotation.rules.contains else [rotation.old or "the old credential"]
    return f"ends {', '.join(ends)} for good"


def digest(rotation: Rotation, row: RowInstance, around: Surroundings) -> str:
    """Of everything that the step follows from. Whatever of it changes, it is another plan."""
    said = Opened.of(rotation.opened.facts)
    content = {
        "installation": around.installation,
        "secret": around.secret,
        "environment": around.environment,
        "policy": around.policy,
        "needs": needed(around.demands, demanded(rotation, row)),
        "by": list(around.may),
        "stream": rotation.stream,
        "opened": number_of(rotation.opened),
        "said": {key: value for key, value in said.facts.items() if key != Deciding.next.name},
        "spec": rotation.spec,
        "row": _row(rotation, row),
        "removes": removed_by(rotation, row),
        "instances": [rotation.old, rotation.old_version, rotation.new, rotation.new_version],
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def text_of(asked: Entry, installation: str) -> str:
    """What an approver reads and signs, to the byte. Everything in it printed on one line."""
    said = Request.of(asked.facts)
    lines = (
        ("installation", installation),
        ("request", number_of(asked)),
        ("secret", said.secret),
        ("environment", said.environment),
        ("class", said.policy),
        ("plan", said.plan),
        ("step", said.step),
        ("it", said.does),
        ("rows", ", ".join(said.rows)),
        ("asked for by", said.requester or "the schedule"),
        ("asked at", stamp(asked.at)),
        ("ends at", stamp(said.expires)),
        ("needs", f"{said.needs} of {', '.join(said.by)}"),
        ("digest", f"sha256:{said.digest}"),
    )
    body = "".join(f"{name}: {_one_line(str(value))}\n" for name, value in lines)
    return f"{HEAD}\n{body}"


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)


def latest(
    entries: Sequence[Entry], rotation: Rotation, row: RowInstance, wanted: str, now: datetime
) -> Entry | None:
    """The request for exactly that, if it still holds."""
    for entry in reversed(entries):
        said = Request.of(entry.facts)
        if Approval.of(entry.facts).said != ASKED or said.rotation != number_of(rotation.opened):
            continue
        if said.row == _row(rotation, row) and said.digest == wanted:
            return entry if holds(entry, now) else None
    return None


def holds(asked: Entry, now: datetime) -> bool:
    ends = Request.of(asked.facts).expires
    return ends is not None and now < ends


def said_of(entries: Sequence[Entry], asked: Entry, what: str) -> Iterator[Entry]:
    for entry in entries:
        said = Approval.of(entry.facts)
        if said.said == what and said.request == number_of(asked):
            yield entry


def without(entries: Sequence[Entry], rotation: Rotation) -> Entry | None:
    """The word of a person that this rotation must not wait for approval."""
    number = number_of(rotation.opened)
    for entry in entries:
        said = Approval.of(entry.facts)
        if said.said == WITHOUT and Request.of(entry.facts).rotation == number:
            return entry
    return None
