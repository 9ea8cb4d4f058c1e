"""The closed table of reasons why a rotation is Held, and the ways out of each.

A Held rotation is open: it keeps the identity, nothing is undone, and an operator decides. Each code
has a page in `docs/runbook/`. This is only the table. Whether a rotation is Held is decided in
`execution/effects/failure.py` for an error, and in `decide.next_action` for what the journal shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rotation.errors import Complaint, Conflict, Denied, Permanent, Refused, SlotFull


class Exit(StrEnum):
    RESUME = "resume"
    ROLLBACK = "rollback"
    ACCEPT_CURRENT = "resolve --accept-current"
    OURS = "resolve --ours"
    FOREIGN = "resolve --foreign"
    ABANDON = "abandon"
    DESTROY = "resume --destroy"
    UNVERIFIED = "resume --unverified"
    REPLACE = "rotate --replace"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for being Held."""

    why: str  # one sentence for the operator
    exits: tuple[Exit, ...]  # the likeliest first
    # What has to be true before an exit helps.
    first: Mapping[Exit, str] = field(default_factory=dict)


_BACK = (Exit.RESUME, Exit.ROLLBACK, Exit.ABANDON)
_WORLD = (Exit.RESUME, Exit.ACCEPT_CURRENT, Exit.ABANDON)
_MOVED = (Exit.RESUME, Exit.ROLLBACK, Exit.ACCEPT_CURRENT, Exit.ABANDON)
_DEAD = (Exit.REPLACE, Exit.ROLLBACK, Exit.ACCEPT_CURRENT, Exit.RESUME, Exit.ABANDON)
_UNKNOWN = (Exit.FOREIGN, Exit.OURS, Exit.RESUME, Exit.ABANDON)

REASONS: dict[str, Reason] = {
    "held.world-changed": Reason(
        "the store's current version is not the one that the journal last recorded",
        _WORLD,
        {
            Exit.RESUME: "once the label is back where it was",
            Exit.ACCEPT_CURRENT: "where the current version logs in",
        },
    ),
    "held.journal-behind": Reason(
        "the store holds a version of ours that this journal does not know: the journal is lost or older than the world",
        (Exit.ACCEPT_CURRENT, Exit.ABANDON),
    ),
    "held.foreign-mark": Reason(
        "another installation of rotation wrote to this secret",
        _WORLD,
        {
            Exit.RESUME: "once that installation is stopped and its label is off",
            Exit.ACCEPT_CURRENT: "where the current version logs in",
        },
    ),
    "held.claim-missing": Reason(
        "the secret carries no owner claim of this installation",
        (Exit.RESUME, Exit.ABANDON),
        {Exit.RESUME: "once the claim is back"},
    ),
    "held.claim-foreign": Reason(
        "another installation claims this secret",
        (Exit.RESUME, Exit.ABANDON),
        {Exit.RESUME: "once the claim is ours again"},
    ),
    "held.pending-foreign": Reason(
        "a pending version that is not ours is in the store",
        (Exit.RESUME, Exit.ABANDON),
        {Exit.RESUME: "once its label is off"},
    ),
    "held.unknown-pointer": Reason(
        "a label names a version that the journal does not know",
        _WORLD,
        {
            Exit.RESUME: "once that label is off",
            Exit.ACCEPT_CURRENT: "where the current version logs in",
        },
    ),
    "held.unknown-instance": Reason(
        "the issuer lists an instance that is not provably ours; it was not touched",
        _UNKNOWN,
        {Exit.RESUME: "once it is removed"},
    ),
    "held.instance-missing": Reason(
        "the issuer no longer lists an instance that the journal has as live",
        _DEAD,
        {
            Exit.RESUME: "once it is listed again",
            Exit.ACCEPT_CURRENT: "once a value that works is written into the store",
        },
    ),
    "held.not-empty": Reason(
        "the secret already has a value; `create` is for empty ones", (Exit.ABANDON,)
    ),
    "held.found-suspended": Reason(
        "an instance was found suspended, and not by this rotation",
        (Exit.RESUME, Exit.REPLACE, Exit.ROLLBACK, Exit.ABANDON),
        {Exit.RESUME: "once it is switched on again"},
    ),
    "held.leftover": Reason(
        "an instance that an earlier rotation left behind may still be in use",
        (Exit.RESUME, Exit.OURS, Exit.ABANDON),
        {
            Exit.RESUME: "once nobody uses it",
            Exit.OURS: "where nobody needs it: it is removed even if it is in use",
        },
    ),
    "held.slot-full": Reason(
        "the issuer has no free slot, and none of the instances there is certainly unused",
        (Exit.OURS, Exit.RESUME, Exit.ABANDON),
        {Exit.RESUME: "once one of them is removed"},
    ),
    "held.stale-copy": Reason(
        "another key of the secret holds the same bytes, and nobody would rotate it",
        (Exit.ABANDON, Exit.ACCEPT_CURRENT),
        {Exit.ACCEPT_CURRENT: "once that key is out of the secret"},
    ),
    "held.shared-login": Reason(
        "another entry of the configuration logs in as the same user",
        (Exit.RESUME, Exit.ABANDON),
        {Exit.RESUME: "once one entry stands for that login"},
    ),
    "held.composed-differs": Reason(
        "a composed key of the secret is not what its template gives",
        (Exit.ABANDON, Exit.RESUME, Exit.ACCEPT_CURRENT),
        {
            Exit.RESUME: "once key and template agree",
            Exit.ACCEPT_CURRENT: "once key and template agree",
        },
    ),
    "held.no-consumers": Reason(
        "no consumer is declared, so nothing can show that they moved",
        (Exit.ROLLBACK, Exit.ABANDON),
    ),
    "held.no-evidence": Reason(
        "a consumer gives no evidence that it moved and does not accept elapsed time",
        (Exit.ROLLBACK, Exit.ABANDON),
    ),
    "held.pointer-moved": Reason(
        "the current label moved away from the new version; the old credential is not off",
        _MOVED,
        {Exit.RESUME: "once the label is back"},
    ),
    "held.pointer-moved-late": Reason(
        "the current label moved away from the new version while the old credential was destroyed",
        (Exit.REPLACE, Exit.ACCEPT_CURRENT, Exit.RESUME, Exit.ABANDON),
        {
            Exit.RESUME: "once the label is back",
            Exit.ACCEPT_CURRENT: "once a value that works is written into the store",
        },
    ),
    "held.straggler": Reason(
        "the old credential is still used when everybody should have moved",
        _BACK,
        {Exit.RESUME: "once its user has moved"},
    ),
    "held.complaint": Reason(
        "somebody still needed the old credential; it was resumed",
        _BACK,
        {Exit.RESUME: "once its user has moved"},
    ),
    "held.still-alive": Reason(
        "the credential still logs in after it was switched off",
        _BACK,
        {Exit.RESUME: "once it is off, or the probe is right"},
    ),
    "held.live-refused": Reason(
        "the promoted version does not log in",
        (Exit.RESUME, Exit.ROLLBACK, Exit.REPLACE, Exit.ABANDON),
        {Exit.RESUME: "once it logs in"},
    ),
    "held.probe-broken": Reason(
        "the probe refuses the credential that readers use: the probe is broken, or that one is dead",
        (Exit.RESUME, Exit.REPLACE, Exit.ROLLBACK, Exit.ABANDON),
        {
            Exit.RESUME: "once the probe works",
            Exit.REPLACE: "where the credential is dead, not the probe",
        },
    ),
    "held.new-unverified": Reason(
        "the old credential is replaced already, and the probe does not accept the new one",
        (Exit.RESUME, Exit.UNVERIFIED, Exit.ABANDON),
        {Exit.RESUME: "once the probe works"},
    ),
    "held.probe-meaningless": Reason(
        "the probe accepts a wrong secret, so its success means nothing",
        _BACK,
        {Exit.RESUME: "once the probe works", Exit.ROLLBACK: "once the probe works"},
    ),
    "held.spec-changed": Reason(
        "the configuration of this secret changed while its rotation is open", _BACK
    ),
    "held.destroy-by-hand": Reason(
        "everything is proven; destroying the old credential waits for a person",
        (Exit.DESTROY, Exit.ROLLBACK, Exit.ABANDON),
    ),
    "held.replica": Reason(
        "a copy of the secret in another region is not in sync",
        _BACK,
        {Exit.RESUME: "once that copy is repaired or removed"},
    ),
    "held.denied": Reason(
        "a call was denied, or not sent because no login of ours is accepted",
        _BACK,
        {
            Exit.RESUME: "once the call is granted",
            Exit.ROLLBACK: "where the calls of the rollback are granted",
        },
    ),
    "held.conflict": Reason(
        "somebody else changed the store or the issuer meanwhile",
        (Exit.RESUME, Exit.ROLLBACK, Exit.ACCEPT_CURRENT, Exit.ABANDON),
        {
            Exit.RESUME: "once the label is back where it was",
            Exit.ROLLBACK: "once the label is back where it was",
            Exit.ACCEPT_CURRENT: "where the current version logs in",
        },
    ),
    "held.refused": Reason(
        "the other side refused a step that has no automatic way back",
        _BACK,
        {Exit.RESUME: "once the cause is removed", Exit.ROLLBACK: "once the cause is removed"},
    ),
    "held.out-of-tries": Reason(
        "the same step failed too often",
        _BACK,
        {
            Exit.RESUME: "once the other side answers",
            Exit.ROLLBACK: "where the services that it calls answer",
        },
    ),
    "held.rollback-failed": Reason(
        "a step of the rollback was refused",
        (Exit.RESUME, Exit.REPLACE, Exit.ACCEPT_CURRENT, Exit.ABANDON),
        {
            Exit.RESUME: "once the old one logs in",
            Exit.ACCEPT_CURRENT: "where the current version logs in",
        },
    ),
    "held.clock": Reason(
        "the local clock and the provider's disagree",
        (Exit.RESUME,),
        {Exit.RESUME: "once the clock is set"},
    ),
    "held.unknown-row": Reason(
        "a newer version of rotation opened this; install that version again, and it goes on",
        (Exit.ABANDON,),
        {Exit.ABANDON: "where that version cannot be installed again"},
    ),
    "held.compromised": Reason(
        "the store marks the old version as compromised; nothing is switched on again",
        (Exit.ABANDON,),
    ),
    "held.replaced-in-place": Reason(
        "the service replaced the credential that was there instead of making a second one",
        (Exit.ACCEPT_CURRENT, Exit.ABANDON),
        {Exit.ACCEPT_CURRENT: "once a value that works is written into the store"},
    ),
    "held.empty": Reason("the secret has no current version to adopt", (Exit.ABANDON,)),
    "held.not-dead": Reason(
        "a replacement was asked for, and what readers get was not found to be dead",
        (Exit.ABANDON,),
    ),
    "held.needs-person": Reason(
        "a person must decide", _BACK, {Exit.RESUME: "once the cause is removed"}
    ),
}

_BY_KIND: tuple[tuple[type[Permanent], str], ...] = (
    (Denied, "held.denied"),
    (SlotFull, "held.slot-full"),
    (Conflict, "held.conflict"),
    (Complaint, "held.complaint"),
    (Refused, "held.refused"),
)


def held_code(error: Permanent) -> str:
    if error.code in REASONS:
        return error.code
    if error.code == "issuer.gone":
        return "held.instance-missing"
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), "held.needs-person")
