"""What the marks of a KV secret say has happened, and the one repair that is always safe.

The table is closed: every layout is one of these. No repair promotes a value that we did not stage:
a principal that may write could plant one.
"""

from collections.abc import Mapping
from dataclasses import replace

from providers.vault.kv2_record import KvState
from rotation.interfaces import Diagnosis, LabelSnapshot
from rotation.types import COMPROMISED, CURRENT, PENDING, PREVIOUS, PermissionSet, is_our_mark


def _table(*layouts: Diagnosis) -> Mapping[str, Diagnosis]:
    return {layout.name: layout for layout in layouts}


LAYOUTS = _table(
    Diagnosis(
        name="healthy",
        meaning="one value is current and nothing is staged",
        repair="nothing to do",
    ),
    Diagnosis(
        name="empty",
        meaning="the secret was never written",
        repair="`rotation create NAME` makes the first credential",
    ),
    Diagnosis(
        name="unsafe",
        meaning="versions that we need would be lost, or readers get nothing now",
        repair="see docs/providers/vault.md for the settings that a secret needs",
    ),
    Diagnosis(
        name="unguarded",
        meaning="Vault takes writes that do not say which version they replace, so that somebody "
        "may overwrite a new credential without seeing it",
        repair="set `cas_required` on the key or on its mount (`pulumi up`)",
    ),
    Diagnosis(
        name="restricted",
        meaning="a permission set may not do what its steps need",
        repair="compare our policies with `rotation policy vault`",
    ),
    Diagnosis(
        name="compromised-current",
        meaning="the value that consumers read is marked as compromised",
        repair="`rotation emergency NAME` replaces it",
    ),
    Diagnosis(
        name="leftover-pending",
        meaning="the rotation is over, only the staged copy of the current value is left",
        repair="delete the staged copy",
        by_plan=True,
    ),
    Diagnosis(
        name="in-progress",
        meaning="a rotation of ours is open and its value is staged",
        repair="nothing to do; `rotation resume NAME` if it is held",
    ),
    Diagnosis(
        name="abandoned-pending",
        meaning="we staged a value, its rotation is no longer open, and the current one works",
        repair="delete the staged value; then look for the instance with `rotation reconcile NAME`",
        by_plan=True,
    ),
    Diagnosis(
        name="undecided-pending",
        meaning="we staged a value and its rotation is no longer open",
        repair="log in with the current version first: `rotation doctor NAME --login`",
    ),
    Diagnosis(
        name="foreign-pending",
        meaning="somebody else wrote into our staging mount: another tool, or a planted value",
        repair="find out who; once its credential is known to be dead, delete it there by hand",
    ),
    Diagnosis(
        name="unrecorded-current",
        meaning="the newest version carries no mark of ours though a rotation of ours is open: its "
        "promotion was cut short, or somebody wrote the secret",
        repair="`rotation resume NAME` compares it with what was staged, and goes on or is held",
    ),
    Diagnosis(
        name="half-promoted",
        down=True,
        meaning="the current value does not log in, the one that our open rotation staged does: "
        "consumers are down now",
        repair="`rotation resume NAME` promotes it",
    ),
    Diagnosis(
        name="unknown-half-promoted",
        down=True,
        meaning="the current value does not log in, and one that no open rotation of ours staged "
        "does: consumers are down now",
        repair="find out who staged it; if nobody knows, `rotation emergency NAME`",
    ),
    Diagnosis(
        name="bad-promotion",
        down=True,
        meaning="the current value does not log in and the previous one does: consumers are down "
        "now",
        repair="write the old version anew",
        by_rollback=True,
    ),
    Diagnosis(
        name="dead-current",
        down=True,
        meaning="the current value does not log in, and the others were not tried",
        repair="try the staged and the previous value: `rotation doctor NAME --login`",
    ),
    Diagnosis(
        name="lost",
        down=True,
        meaning="no value that we know of logs in: consumers are down now",
        repair="`rotation rotate NAME --replace` makes a new one at once",
    ),
)


CALM = frozenset({"healthy", "empty", "in-progress"})
# Without the claim, which is an operator's: `adopt` and `create` report it where a login may not
# make it.
RUNNERS = tuple(each for each in PermissionSet if each is not PermissionSet.CLAIM)
SHOWN_MAX = 3


def diagnose(look: LabelSnapshot) -> Diagnosis:
    """The layout of this secret. Layouts that cut consumers off come before those that are only
    untidy, and these before what the next rotation will need."""
    layout = _layout(look)
    state = look.state
    missing = state.missing(RUNNERS) if layout.name in CALM and isinstance(state, KvState) else ()
    if not missing:
        return layout
    more = f" and {len(missing) - SHOWN_MAX} more" if len(missing) > SHOWN_MAX else ""
    restricted = LAYOUTS["restricted"]
    meaning = f"{restricted.meaning}: {'; '.join(missing[:SHOWN_MAX])}{more}"
    return replace(restricted, meaning=meaning)


def _layout(look: LabelSnapshot) -> Diagnosis:
    state = look.state
    if state.current is None:
        return LAYOUTS["foreign-pending" if _is_foreign(look) else "empty"]
    if look.works(CURRENT) is False:
        return LAYOUTS[_without_current(look)]
    if state.refusal is not None:
        return LAYOUTS["unsafe"]
    if state.current == state.labels.get(COMPROMISED):
        return LAYOUTS["compromised-current"]
    return LAYOUTS[_beside_current(look)]


def _without_current(look: LabelSnapshot) -> str:
    labels = look.state.labels
    others = {
        label: labels[label]
        for label in (PENDING, PREVIOUS)
        if labels.get(label) not in (None, look.state.current)
    }
    if look.works(PENDING) and PENDING in others:
        ours = others[PENDING] == look.open_version
        return "half-promoted" if ours else "unknown-half-promoted"
    if look.works(PREVIOUS) and others.get(PREVIOUS) != labels.get(COMPROMISED):
        return "bad-promotion"
    tried = all(version in look.logs_in or version in look.valueless for version in others.values())
    return "lost" if tried else "dead-current"


def _beside_current(look: LabelSnapshot) -> str:
    state, pending = look.state, look.state.pending
    if pending is None:
        return "unguarded" if isinstance(state, KvState) and not state.guarded else "healthy"
    if pending == state.current:
        return "in-progress" if pending == look.open_version else "leftover-pending"
    if pending == look.open_version:
        unrecorded = isinstance(state, KvState) and state.unrecorded
        return "unrecorded-current" if unrecorded else "in-progress"
    if _is_foreign(look):
        return "foreign-pending"
    return "abandoned-pending" if look.works(CURRENT) else "undecided-pending"


def _is_foreign(look: LabelSnapshot) -> bool:
    pending = look.state.pending
    return pending is not None and not is_our_mark(pending, look.installation)
