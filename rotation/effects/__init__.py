"""One short "make it so" function per step, a phase a file.

An effect makes something true and may be called again. A look reads the world before the intent;
what it returns is recorded in the intent. Effects talk to each other only through the journal's
facts and the world.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rotation.effects import create, emergency, inspect, propagate, revoke, undo, verify
from rotation.effects.context import Context
from rotation.plan import Step
from rotation.types import Facts

Effect: TypeAlias = Callable[[Context], Facts]

LOOKS: Mapping[Step, Effect] = {**create.LOOKS, **revoke.LOOKS}
EFFECTS: Mapping[Step, Effect] = {
    **create.EFFECTS,
    **propagate.EFFECTS,
    **verify.EFFECTS,
    **revoke.EFFECTS,
    **undo.EFFECTS,
    **inspect.EFFECTS,
    **emergency.EFFECTS,
}

assert EFFECTS.keys() == set(Step), "every step has its effect"


def look_for(plan: str, step: Step) -> Effect:
    own = emergency.OWN_LOOKS if plan == "compromised" else {}
    return own.get(step, LOOKS[step])


def effect_for(plan: str, step: Step) -> Effect:
    own = emergency.OWN_EFFECTS if plan == "compromised" else {}
    return own.get(step, EFFECTS[step])


__all__ = ["Context", "Effect", "effect_for", "look_for"]
