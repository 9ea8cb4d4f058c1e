"""What came of a rotation: the baseline that its close leaves. Pure."""

from dataclasses import replace

from rotation.machine.leftover import Leftover, as_kept
from rotation.machine.replay import Mode, Outcome, Rotation, listed, replaced_by, text
from rotation.plan import Step
from rotation.types import Facts


def left_by(before: Rotation | None) -> Facts:
    """What the next rotation begins with. before: the identity's latest rotation."""
    if before is None:
        return {}
    if before.outcome is None:
        return outcome_baseline(before, Outcome.SUPERSEDED)
    return before.result or {}


def closing(rotation: Rotation, outcome: Outcome) -> Facts:
    """What CLOSED says. rotated: a success that was to change the credential."""
    return {
        "outcome": outcome,
        "baseline": outcome_baseline(rotation, outcome),
        "rotated": outcome is Outcome.SUCCEEDED and not rotation.rules.keeps_credential,
    }


def outcome_baseline(rotation: Rotation, outcome: Outcome) -> Facts:
    """What the journal holds to be true of the world once this rotation is closed. live: every
    instance that is ours, with those that the next `issue` removes (`ours`)."""
    before = {**rotation.baseline, **_edited(rotation)}
    current = {**before, **_current(rotation, outcome)}
    handle = text(current.get("handle"))
    left = _left_behind(rotation, handle)
    versions = {rotation.old_version, rotation.new_version, text(current.get("version"))}
    versions |= {leftover.version for leftover in left.values()}
    attempts = rotation.attempts
    if outcome is Outcome.SUCCEEDED and rotation.new is not None:
        attempts -= {*listed(before, "attempts"), str(rotation.state(Step.ISSUE).attempt)}
    else:
        versions |= set(listed(current, "known"))
    strangers = {*rotation.foreign, *listed(current, "foreign")} - {*left, handle}
    return {
        **current,
        "live": sorted({*left, *([handle] if handle else [])}),
        "ours": as_kept(left),
        "known": sorted(version for version in versions if version),
        "attempts": sorted(attempts),
        "foreign": sorted(stranger for stranger in strangers if stranger),
    }


def _current(rotation: Rotation, outcome: Outcome) -> Facts:
    """What readers get, where that is not what it was before."""
    inspected = {**_inspected(rotation), "retired": False}
    if outcome is Outcome.ROLLED_BACK:
        version = rotation.fact(Step.DEMOTE, "version") or rotation.value_of_old
        return {} if version is None else {"version": version}
    if outcome is Outcome.SUCCEEDED and rotation.rules.retires:
        return {"handle": None, "retired": True}
    if outcome is Outcome.ACCEPTED:
        return inspected
    if outcome is Outcome.SUCCEEDED and rotation.rules.keeps_credential:
        return inspected
    if rotation.mode is Mode.ACCEPT and rotation.state(Step.INSPECT).done:
        return inspected
    if rotation.done(Step.PROMOTE) and not rotation.state(Step.DEMOTE).done:
        return _issued(rotation)
    placed = rotation.fact(Step.PLACE, "version")
    # A placeholder that stays current is what the next `create` finds.
    return {"version": placed} if placed and not rotation.intended(Step.PROMOTE) else {}


def _edited(rotation: Rotation) -> Facts:
    edited = rotation.fact(Step.ISSUE, "edited")
    return {"version": edited} if edited else {}


def _inspected(rotation: Rotation) -> Facts:
    facts = rotation.state(Step.INSPECT).facts
    names = ("version", "handle", "created", "expires", "known", "stated", "foreign", "logins")
    return {name: facts[name] for name in names if name in facts}


def _issued(rotation: Rotation) -> Facts:
    issued = rotation.state(Step.ISSUE).facts
    return {
        "version": rotation.new_version,
        "handle": rotation.new,
        "created": issued.get("created"),
        "expires": issued.get("expires"),
        "stated": False,
        "retired": False,
        "logins": issued.get("logins"),
    }


def _left_behind(rotation: Rotation, handle: str | None) -> dict[str, Leftover]:
    """What is ours beside the current one, and not destroyed."""
    left = dict(rotation.leftovers)
    if rotation.old is not None:
        left.setdefault(rotation.old, Leftover(rotation.value_of_old, served=True))
    if rotation.new is not None:
        served = rotation.intended(Step.PROMOTE)
        left.setdefault(rotation.new, Leftover(rotation.new_version, served))
    gone = _destroyed(rotation) | {handle}
    # What a person declared leaked goes without anybody's evidence.
    return {
        instance: replace(it, served=it.served and instance not in rotation.scope)
        for instance, it in left.items()
        if instance not in gone
    }


def _destroyed(rotation: Rotation) -> set[str | None]:
    gone: set[str | None] = {rotation.fact(Step.MAKE_ROOM, "destroyed")}
    if (step := replaced_by(rotation)) is not None and rotation.done(step):
        gone.add(rotation.old)
    for step in (Step.DESTROY, Step.DESTROY_NEW):
        state = rotation.state(step)
        if state.done:
            gone |= {text(state.facts.get("destroyed")), *listed(state.facts, "destroyed")}
    return gone
