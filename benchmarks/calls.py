"""Every call of a routine rotation, and what needs it. The product makes these and none more.

An access key in Secrets Manager that is all ours: settle, grace, quiet and soak 0, one region, one
credential session, one application that reads the store. `tests/test_calls.py` holds the product
to this table, and shows for each read the accident that happens without it.

The account of base credentials is asked for once, before their first call, and again whenever
they are renewed (I34); that is no call of a rotation. Where a connection names roles, the sessions of a
rotation that takes no longer than they live come on top: `with_sessions`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rotation.plan import Step
from rotation.types import PermissionSet


@dataclass(frozen=True, slots=True)
class Call:
    """why: the invariant (I, faults) or decision (D, design 4) that needs it."""

    step: Step
    name: str
    why: str

    @property
    def reads(self) -> bool:
        return self.name not in WRITES


LIST = "iam:ListAccessKeys"
MINT = "iam:CreateAccessKey"
SWITCH = "iam:UpdateAccessKey"
DELETE = "iam:DeleteAccessKey"
USED = "iam:GetAccessKeyLastUsed"
DESCRIBE = "secretsmanager:DescribeSecret"
PUT = "secretsmanager:PutSecretValue"
GET = "secretsmanager:GetSecretValue"
MOVE = "secretsmanager:UpdateSecretVersionStage"
LOGIN = "sts:GetCallerIdentity"
ASSUME = "sts:AssumeRole"

WRITES = frozenset({MINT, SWITCH, DELETE, PUT, MOVE})

# fmt: off
_UNTIL_LIVE = (
    Call(Step.ISSUE, LIST, "I9: the inventory is in the intent; D8: the world equals the journal"),
    Call(Step.ISSUE, DESCRIBE, "I17, D8: claim, labels and refusals before anything is made"),
    Call(Step.ISSUE, MINT, "the new key; I10: sent once"),
    Call(Step.ISSUE, PUT, "I12: its bytes are pending before any pointer names them"),
    Call(Step.VERIFY, GET, "I2: what is tried is what was stored, not what we remember"),
    Call(Step.VERIFY, LOGIN, "I2, D10: it logs in; IAM's news reaches one endpoint after another"),
    Call(Step.VERIFY, LOGIN, "D10: and again, spread over the settle time"),
    Call(Step.VERIFY, LOGIN, "D10: and a third time"),
    Call(Step.VERIFY, LOGIN, "D10: a wrong secret fails, else the logins prove nothing"),
    Call(Step.PROMOTE, MOVE, "the promotion; I16: a compare-and-set"),
    Call(Step.VERIFY_LIVE, GET, "I3, D10: readers can read what they are pointed at"),
    Call(Step.VERIFY_LIVE, LOGIN, "I3, D10: and it logs in, before anything old is touched"),
)

_DRAIN_BY_USAGE = (
    Call(Step.DRAIN, USED, "I3, D11: the old key is quiet"),
    Call(Step.DRAIN, USED, "I3, D11: the new key is used, by somebody else than us"),
)

_REVOKE = (
    Call(Step.SUSPEND, DESCRIBE, "I3, D12: no pointer names the old key, by a fresh read"),
    Call(Step.SUSPEND, LIST, "I3, D8: the new key is there and active; nobody suspended any"),
    Call(Step.SUSPEND, USED, "I3, D11: nobody uses the old key now"),
    Call(Step.SUSPEND, SWITCH, "I4: off, reversibly"),
    Call(Step.SUSPEND, DESCRIBE, "D12: if a pointer moved meanwhile, the old key is switched on again"),
    Call(Step.PROVE_OFF, GET, "I37: the old bytes, to try them"),
    Call(Step.PROVE_OFF, LOGIN, "I37, D13: they are refused: the soak is a real one"),
    Call(Step.PROVE_OFF, LOGIN, "I37, D13: and again, spread over the settle time"),
    Call(Step.DESTROY, DESCRIBE, "I3, D12: as before the suspension, fresh: days have passed"),
    Call(Step.DESTROY, LIST, "I3, D8: the key that stays is there and active"),
    Call(Step.DESTROY, USED, "D11: nobody tried the old key while it was off"),
    Call(Step.DESTROY, DELETE, "the old key is gone"),
    Call(Step.DESTROY, DESCRIBE, "D12: a pointer that moved back is reported before readers notice"),
    Call(Step.PROVE_DEAD, GET, "I37: the old bytes, to try them"),
    Call(Step.PROVE_DEAD, LOGIN, "I37, D13: dead is proved, not assumed"),
    Call(Step.PROVE_DEAD, LOGIN, "I37, D13: and again, spread over the settle time"),
    Call(Step.TIDY, MOVE, "D14: no pending label is left to mislead the next rotation"),
    Call(Step.TIDY, LIST, "I8: what is live is what the journal will say is live"),
)
# fmt: on

BY_TIME = (*_UNTIL_LIVE, *_REVOKE)
"""Where elapsed time is the evidence that the application moved."""

BY_USAGE = (*_UNTIL_LIVE, *_DRAIN_BY_USAGE, *_REVOKE)
"""Where the issuer's report of use is."""


def names(table: Sequence[Call]) -> list[str]:
    return [call.name for call in table]


_UNDER = {
    LIST: PermissionSet.OBSERVE,
    USED: PermissionSet.OBSERVE,
    DESCRIBE: PermissionSet.OBSERVE,
    MINT: PermissionSet.MINT,
    PUT: PermissionSet.MINT,
    MOVE: PermissionSet.PROMOTE,
    SWITCH: PermissionSet.REVOKE,
    DELETE: PermissionSet.REVOKE,
}
_PROVING = frozenset({Step.PROVE_OFF, Step.PROVE_DEAD})


def with_sessions(table: Sequence[Call], *, narrow: bool) -> tuple[Call, ...]:
    """The same where every set has a role. narrow: a session for the user and one for the secret;
    what only looks has one for all of them in either case."""
    return tuple(_with_sessions(table, narrow=narrow))


def _with_sessions(table: Sequence[Call], *, narrow: bool) -> Iterator[Call]:
    taken: set[tuple[PermissionSet, str]] = set()
    for call in table:
        if call.name != LOGIN:
            under = _under(call)
            one = call.name.split(":")[0] if narrow and under != PermissionSet.OBSERVE else ""
            if (under, one) not in taken:
                taken.add((under, one))
                yield Call(call.step, ASSUME, "a leaked session is of use for one credential")
        yield call


def _under(call: Call) -> PermissionSet:
    if call.name == GET:
        return PermissionSet.PROVE if call.step in _PROVING else PermissionSet.VERIFY
    return _UNDER[call.name]
