"""One short function per step that makes it so; one file per phase.

An effect makes something true and is safe to repeat. A look reads the world before the intent is
written; what it returns is recorded in the intent. Effects exchange data only through the journal's
facts and the world.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rotation.execution.effects import (
    create,
    emergency,
    inspect,
    propagate,
    replace,
    revoke,
    undo,
    verify,
)
from rotation.execution.effects.context import Context
from rotation.journal.record import Record
from rotation.plan import PlanRules, Step

Effect: TypeAlias = Callable[[Context], Record]

LOOKS: Mapping[Step, Effect] = {**create.LOOKS, **revoke.LOOKS, **emergency.LOOKS}
EFFECTS: Mapping[Step, Effect] = {
    **create.EFFECTS,
    **propagate.EFFECTS,
    **verify.EFFECTS,
    **revoke.EFFECTS,
    **undo.EFFECTS,
    **inspect.EFFECTS,
    **emergency.EFFECTS,
    **replace.EFFECTS,
}

assert EFFECTS.keys() == set(Step), "every step has its effect"


def look_for(rules: PlanRules, step: Step) -> Effect:
    if rules.contains:
        return emergency.OWN_LOOKS.get(step, LOOKS[step])
    return replace.OWN_LOOKS.get(step, LOOKS[step]) if rules.replaces_dead else LOOKS[step]


def effect_for(rules: PlanRules, step: Step) -> Effect:
    if rules.contains:
        return emergency.OWN_EFFECTS.get(step, EFFECTS[step])
    return replace.OWN_EFFECTS.get(step, EFFECTS[step]) if rules.replaces_dead else EFFECTS[step]


__all__ = ["Context", "Effect", "effect_for", "look_for"]
