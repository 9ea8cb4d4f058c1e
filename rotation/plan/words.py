"""The words that describe a row of a plan.

A step is what a row does. A row is a step in one plan (`tables.Row`). A row instance
is a row of one rotation: `deliver` for one consumer (`instance.RowInstance`).
"""

from enum import StrEnum


class Phase(StrEnum):
    CREATE = "create"
    PROPAGATE = "propagate"
    VERIFY = "verify"
    REVOKE = "revoke"
    UNDO = "undo"


class OnFailure(StrEnum):
    """What a definite refusal of the row leads to. Whatever needs a person makes any row Held."""

    ROLL_BACK = "roll-back"
    WAIT = "wait"  # keep trying: both credentials stay alive
    HOLD = "hold"
    KEEP_TRYING = "keep-trying"  # too late to go back: try for ever


class Gate(StrEnum):
    """What the row waits for before it starts."""

    WINDOW = "window"  # an open window, and no freeze
    BY_HAND = "by-hand"  # an operator's command, where the specification says `destroy_by_hand`


class Per(StrEnum):
    SECRET = "secret"
    PUSHED_CONSUMER = "pushed-consumer"
    CONSUMER = "consumer"
    REGION = "region"


class Needs(StrEnum):
    """What an identity must have; without it the row is left out."""

    PROBE = "probe"
    CHOSEN = "chosen"  # the runner chooses the values, and the service accepts them
    OVERLAP = "overlap"  # two credentials may live side by side
    SUSPEND = "suspend"  # an instance can be switched off and on again
    LIMIT = "limit"  # the issuer allows only so many instances
