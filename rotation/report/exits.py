"""What an operator can do with a Held rotation, as far as it helps. Pure: no clock, no I/O."""

from collections.abc import Iterator

from rotation.machine.held import REASONS, Exit, Reason
from rotation.machine.replay import Mode, Rotation, can_go_back, is_past_return
from rotation.plan import Step
from rotation.report.health import consumers_at_risk, instances_in_question, seen


def _reason(code: str) -> Reason:
    return REASONS.get(code, REASONS["held.needs-person"])


def why_held(code: str) -> str:
    return _reason(code).why


def exits_of(code: str) -> tuple[Exit, ...]:
    return _reason(code).exits


# The other ways out would wait for the end of the pause.
_THROUGH_A_PAUSE = frozenset({Exit.ROLLBACK, Exit.ABANDON})


_COMMANDS = {
    Exit.RESUME: "resume {secret}",
    Exit.ROLLBACK: "rollback {secret}",
    Exit.ACCEPT_CURRENT: "resolve {secret} --accept-current",
    Exit.OURS: "resolve {secret} --ours {instance}",
    Exit.FOREIGN: "resolve {secret} --foreign {instance}",
    Exit.ABANDON: "abandon {secret}",
    Exit.DESTROY: "resume {secret} --destroy",
    Exit.UNVERIFIED: "resume {secret} --unverified",
    Exit.REPLACE: "rotate {secret} --replace",
}


def ways_out(rotation: Rotation, secret: str) -> tuple[str, ...]:
    """The commands that help now, the likeliest first."""
    return tuple(command for command, _ in _ways(rotation, secret))


def ways_out_lines(rotation: Rotation, secret: str) -> list[str]:
    """Each command with what has to be done before it."""
    return [
        f"{command}, {first}" if first else command for command, first in _ways(rotation, secret)
    ]


def _ways(rotation: Rotation, secret: str) -> Iterator[tuple[str, str]]:
    about = instances_in_question(rotation)
    instance = about[0] if len(about) == 1 else "ID"
    exits = open_exits(rotation)
    if rotation.on_hold and rotation.rules.heeds_hold and not _THROUGH_A_PAUSE.issuperset(exits):
        yield f"rotation unpause {secret}", ""
    for way in exits:
        command = f"rotation {_COMMANDS[way]}".format(secret=secret, instance=instance)
        yield command, _reason(rotation.held or "").first.get(way, "")


def can_roll_back(rotation: Rotation) -> bool:
    """Only what was never destroyed can come back."""
    open_and_own = rotation.outcome is None and not rotation.rules.contains
    return open_and_own and can_go_back(rotation)


def leads_back(rotation: Rotation) -> bool:
    """Whether a rollback helps. It does not where the old credential was found dead or a rollback
    is under way, nor for what somebody else wrote: only our own promotion is taken back."""
    under_way = rotation.mode is Mode.UNDO
    theirs = rotation.mode is Mode.ACCEPT and not rotation.intended(Step.PROMOTE)
    leads = not under_way and not theirs and seen(rotation, rotation.old) is None
    return can_roll_back(rotation) and leads


def can_be_replaced(rotation: Rotation) -> bool:
    """Only where readers cannot log in, or may not be able to: REPLACE looks once more. An
    emergency makes its own successor."""
    if rotation.rules.contains or (rotation.held == "held.live-refused" and leads_back(rotation)):
        return False
    return rotation.held == "held.probe-broken" or consumers_at_risk(rotation)


def can_be_accepted(rotation: Rotation) -> bool:
    """Not what is dead or contained by now. An adoption is Held for its claim, which this does not
    give."""
    contained = rotation.rules.contains and rotation.held == "held.pointer-moved"
    return not is_past_return(rotation) and not contained and not rotation.rules.adopts


def _are_foreign(rotation: Rotation) -> bool:
    """A person said that all instances in question are somebody else's."""
    about = instances_in_question(rotation)
    return bool(about) and rotation.foreign.issuperset(about)


def open_exits(rotation: Rotation) -> tuple[Exit, ...]:
    """The ways out that work now: those of the reason, without a way back that is cut off."""
    if rotation.held is None:
        return ()
    return tuple(
        way
        for way in exits_of(rotation.held)
        if (way is not Exit.ROLLBACK or leads_back(rotation))
        and (way is not Exit.ACCEPT_CURRENT or can_be_accepted(rotation))
        and (way is not Exit.REPLACE or can_be_replaced(rotation))
        and (way is not Exit.OURS or not _are_foreign(rotation))
    )
