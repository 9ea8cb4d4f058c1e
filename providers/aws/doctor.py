"""What the labels of a secret say has happened, and the one repair that is always safe.

The table is closed: every layout of labels is one of these. No repair promotes a version that this
installation did not stage: a principal that may write versions could plant one.
"""

from collections.abc import Mapping

from rotation.interfaces import Diagnosis, LabelSnapshot
from rotation.types import (
    COMPROMISED,
    CURRENT,
    PENDING,
    PREVIOUS,
    is_our_mark,
)


def _table(*layouts: Diagnosis) -> Mapping[str, Diagnosis]:
    return {layout.name: layout for layout in layouts}


LAYOUTS = _table(
    Diagnosis(
        name="healthy",
        meaning="one version is current and nothing is left over",
        repair="nothing to do",
    ),
    Diagnosis(
        name="empty",
        meaning="the secret has no version yet",
        repair="`rotation create NAME` makes the first credential",
    ),
    Diagnosis(
        name="managed-elsewhere",
        meaning="somebody else manages the value: a service, native rotation, a deletion",
        repair="end that first; nothing is written until then",
    ),
    Diagnosis(
        name="compromised-current",
        meaning="the version that consumers read is marked as compromised",
        repair="`rotation emergency NAME` replaces it",
    ),
    Diagnosis(
        name="copy-behind",
        meaning="a copy of the secret in another region is not in sync: its readers may get "
        "another value than those here, and nothing is revoked until it is",
        repair="`aws secretsmanager describe-secret` says which and why: repair or remove that copy",
    ),
    Diagnosis(
        name="leftover-pending",
        meaning="the rotation is over, only its label AWSPENDING is left on the current version",
        repair="take AWSPENDING off",
        by_plan=True,
    ),
    Diagnosis(
        name="pending-without-value",
        meaning="AWSPENDING sits on a version without a value: a rotation failed as it began",
        repair="take AWSPENDING off; there is nothing to lose",
        by_plan=True,
    ),
    Diagnosis(
        name="in-progress",
        meaning="a rotation of ours is open and its version is staged",
        repair="nothing to do; `rotation resume NAME` if it is held",
    ),
    Diagnosis(
        name="abandoned-pending",
        meaning="we staged a version, its rotation is no longer open, and the current one works",
        repair="take AWSPENDING off; then look for the instance with `rotation reconcile NAME`",
        by_plan=True,
    ),
    Diagnosis(
        name="undecided-pending",
        meaning="we staged a version and its rotation is no longer open",
        repair="log in with the current version first: `rotation doctor NAME --login`",
    ),
    Diagnosis(
        name="foreign-pending",
        meaning="somebody else staged a version: another tool, or a planted value",
        repair="find out who; once it is known to be dead, take AWSPENDING off by hand",
    ),
    Diagnosis(
        name="half-promoted",
        down=True,
        meaning="the current version does not log in, the one that our open rotation staged does: "
        "consumers are down now",
        repair="`rotation resume NAME` promotes it",
    ),
    Diagnosis(
        name="unknown-half-promoted",
        down=True,
        meaning="the current version does not log in, and one that no open rotation of ours "
        "staged does: consumers are down now",
        repair="find out who staged it; if nobody knows, `rotation emergency NAME`",
    ),
    Diagnosis(
        name="bad-promotion",
        down=True,
        meaning="the current version does not log in and the previous one does: consumers are "
        "down now",
        repair="move AWSCURRENT back by hand",
        by_rollback=True,
    ),
    Diagnosis(
        name="dead-current",
        down=True,
        meaning="the current version does not log in, and the others were not tried",
        repair="try the pending and the previous version: `rotation doctor NAME --login`",
    ),
    Diagnosis(
        name="lost",
        down=True,
        meaning="no version that has a label logs in: consumers are down now",
        repair="`rotation rotate NAME --replace` makes a new one at once",
    ),
)


def diagnose(look: LabelSnapshot) -> Diagnosis:
    """The layout of this secret. Layouts that cut consumers off come before those that are only
    untidy."""
    state = look.state
    if state.refusal is not None:
        return LAYOUTS["managed-elsewhere"]
    if not state.pointers:
        return LAYOUTS["empty"]
    if state.current is None:
        return LAYOUTS["lost"]
    if look.works(CURRENT) is False:
        return LAYOUTS[_without_current(look)]
    if state.current == state.labels.get(COMPROMISED):
        return LAYOUTS["compromised-current"]
    if any(status != "in-sync" for status in state.replicas.values()):
        return LAYOUTS["copy-behind"]
    return LAYOUTS[_beside_current(look)]


def _without_current(look: LabelSnapshot) -> str:
    others = {
        label: look.state.labels[label]
        for label in (PENDING, PREVIOUS)
        if look.state.labels.get(label) not in (None, look.state.current)
    }
    if look.works(PENDING):
        # The mark alone proves nothing: a principal that may write versions chooses their ids.
        ours = others[PENDING] == look.open_version
        return "half-promoted" if ours else "unknown-half-promoted"
    if look.works(PREVIOUS) and others[PREVIOUS] != look.state.labels.get(COMPROMISED):
        return "bad-promotion"
    tried = all(version in look.logs_in or version in look.valueless for version in others.values())
    return "lost" if tried else "dead-current"


def _beside_current(look: LabelSnapshot) -> str:
    pending = look.state.pending
    if pending is None:
        return "healthy"
    if pending == look.state.current:
        return "in-progress" if pending == look.open_version else "leftover-pending"
    if pending == look.open_version:
        return "in-progress"
    if pending in look.valueless:
        return "pending-without-value"
    if not is_our_mark(pending, look.installation):
        return "foreign-pending"
    return "abandoned-pending" if look.works(CURRENT) else "undecided-pending"
