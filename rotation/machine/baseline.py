"""The baseline that a rotation leaves when it closes. Pure."""

from dataclasses import replace

from rotation.journal.facts import Baseline, Closed, Current, Destroyed, Issued, Room, Written
from rotation.machine.leftover import Leftover, as_kept
from rotation.machine.replay import Mode, Outcome, Rotation, replaced_by
from rotation.plan import Step


def left_by(before: Rotation | None) -> Baseline:
    """The baseline that the next rotation starts from. before: the latest rotation of the
    identity."""
    if before is None:
        return Baseline()
    if before.outcome is None:
        return outcome_baseline(before, Outcome.SUPERSEDED)
    return before.result


def closing(rotation: Rotation, outcome: Outcome) -> Closed:
    """The facts of CLOSED. rotated: it succeeded, and its plan changes the credential."""
    return Closed(
        outcome=outcome,
        baseline=outcome_baseline(rotation, outcome).facts,
        rotated=outcome is Outcome.SUCCEEDED and not rotation.rules.keeps_credential,
    )


def outcome_baseline(rotation: Rotation, outcome: Outcome) -> Baseline:
    """What the journal takes to be true of the world once this rotation is closed. live: every
    instance of ours, including those that the next `issue` removes (`ours`)."""
    before = rotation.baseline | _edited(rotation)
    current = before | _current(rotation, outcome)
    handle = current.handle
    left = _left_behind(rotation, handle)
    versions = {rotation.old_version, rotation.new_version, current.version}
    versions |= {leftover.version for leftover in left.values()}
    attempts = rotation.attempts
    if outcome is Outcome.SUCCEEDED and rotation.new is not None:
        attempts -= {*before.attempts, str(rotation.state(Step.ISSUE).attempt)}
    else:
        versions |= {*current.known}
    strangers = {*rotation.foreign, *current.foreign} - {*left, handle}
    return current | Baseline(
        live=sorted({*left, *([handle] if handle else [])}),
        ours=as_kept(left),
        known=sorted(version for version in versions if version),
        attempts=sorted(attempts),
        foreign=sorted(stranger for stranger in strangers if stranger),
    )


def _current(rotation: Rotation, outcome: Outcome) -> Baseline:
    """What readers get, where this rotation changed it."""
    inspected = _inspected(rotation) | Baseline(retired=False)
    if outcome is Outcome.ROLLED_BACK:
        version = rotation.state(Step.DEMOTE).record(Written).version or rotation.value_of_old
        return Baseline() if version is None else Baseline(version=version)
    if outcome is Outcome.SUCCEEDED and rotation.rules.retires:
        return Baseline(handle=None, retired=True)
    if outcome is Outcome.ACCEPTED:
        return inspected
    if outcome is Outcome.SUCCEEDED and rotation.rules.keeps_credential:
        return inspected
    if rotation.mode is Mode.ACCEPT and rotation.state(Step.INSPECT).done:
        return inspected
    if rotation.done(Step.PROMOTE) and not rotation.state(Step.DEMOTE).done:
        return _issued(rotation)
    # A placeholder stays current, and the next `create` finds it.
    placed = rotation.state(Step.PLACE).record(Written).version
    if not placed or rotation.intended(Step.PROMOTE):
        return Baseline()
    return Baseline(version=placed)


def _edited(rotation: Rotation) -> Baseline:
    edited = rotation.state(Step.ISSUE).record(Issued).edited
    return Baseline(version=edited) if edited else Baseline()


def _inspected(rotation: Rotation) -> Baseline:
    return Baseline.of(Current.only(rotation.state(Step.INSPECT).facts).facts)


def _issued(rotation: Rotation) -> Baseline:
    issued = rotation.state(Step.ISSUE).record(Issued)
    return Baseline(
        version=rotation.new_version,
        handle=rotation.new,
        created=issued.created,
        expires=issued.expires,
        stated=False,
        retired=False,
        logins=issued.logins if issued.has(Issued.logins) else None,
    )


def _left_behind(rotation: Rotation, handle: str | None) -> dict[str, Leftover]:
    """Our instances other than the current one that were not destroyed."""
    left = dict(rotation.leftovers)
    if rotation.old is not None:
        left.setdefault(rotation.old, Leftover(rotation.value_of_old, served=True))
    if rotation.new is not None:
        served = rotation.intended(Step.PROMOTE)
        left.setdefault(rotation.new, Leftover(rotation.new_version, served))
    gone = _destroyed(rotation) | {handle}
    # An instance that a person declared leaked is removed without any evidence.
    return {
        instance: replace(it, served=it.served and instance not in rotation.scope)
        for instance, it in left.items()
        if instance not in gone
    }


def _destroyed(rotation: Rotation) -> set[str | None]:
    gone: set[str | None] = {*rotation.state(Step.MAKE_ROOM).record(Room).destroyed}
    if (step := replaced_by(rotation)) is not None and rotation.done(step):
        gone.add(rotation.old)
    for step in (Step.DESTROY, Step.DESTROY_NEW):
        state = rotation.state(step)
        if state.done:
            gone |= {*state.record(Destroyed).destroyed}
    return gone
