"""Checks before the cutover. Without overlap the new credential ends the old one, so everything
that must work afterwards is tried before, while a refusal harms no reader."""

from collections.abc import Collection
from typing import cast

from rotation.errors import NeedsPerson, Permanent
from rotation.execution.effects import drift, propagate
from rotation.execution.effects.context import Context
from rotation.interfaces import DelegatedIssuer
from rotation.journal.facts import Failure
from rotation.journal.record import Record
from rotation.types import Fields, PermissionSet, StoreState, Verdict

FOLLOWING = (
    PermissionSet.VERIFY,
    PermissionSet.PROMOTE,
    PermissionSet.DELIVER,
    PermissionSet.PROVE,
)


def look_activate(cx: Context) -> Record:
    """Compares the world once more: it may have changed while the row waited for its window. In
    doubt the cutover may have happened already; then there is only the way forward."""
    if not cx.in_doubt:
        state = cx.store_state()
        drift.compare_store(cx, state)
        propagate.rehearse(cx)
        check_before(cx, state)
    return Record()


def check_before(cx: Context, state: StoreState) -> None:
    """Raises where the store denies a right that the next rows need, as far as it can be asked, and
    where the probe does not accept what readers use or does not refuse a wrong secret."""
    staging = (PermissionSet.MINT,) if cx.traits.delegated else ()
    check_rights(state, (*staging, *FOLLOWING))
    if cx.bound.probe is None or cx.rotation.old is None or cx.rotation.old_version is None:
        return
    try:
        _check_probe(cx, cx.rotation.old_version)
    except NeedsPerson:
        raise
    except Permanent as broken:
        raise _broken(cx, f"the probe fails: {broken.message}", broken.hint) from broken


def check_rights(state: StoreState, sets: Collection[PermissionSet]) -> None:
    missing = state.missing(sets)
    if missing:
        raise NeedsPerson(
            "held.denied",
            f"the next steps are not allowed ({'; '.join(missing)}); nothing was made or replaced",
            "grant it: `rotation policy` prints what is needed; then `rotation resume`",
        )


def _check_probe(cx: Context, version: str) -> None:
    fields = cx.store.read(version, under=PermissionSet.PROVE)
    if cx.probe.login(fields) is Verdict.REFUSED and not _replaced_elsewhere(cx, fields):
        refuses = _broken(cx, "the probe refuses the credential that readers use")
        refuses.facts |= Failure(instances=cx.rotation.old).facts
        raise refuses
    if cx.probe.wrong(fields) is Verdict.ACCEPTED:
        raise NeedsPerson(
            "held.probe-meaningless",
            "the probe accepts a wrong secret; nothing was replaced",
            "fix the probe or the service's authentication, then `rotation resume`",
        )


def _replaced_elsewhere(cx: Context, fields: Fields) -> bool:
    """Whether the service replaced the credential by itself: the probe accepts the service's
    present value and not the one that readers have."""
    if not cx.traits.delegated:
        return False
    now = cast("DelegatedIssuer", cx.issuer).read_back().fields
    return now.secret != fields.secret and cx.probe.login(now) is Verdict.ACCEPTED


def _broken(cx: Context, why: str, hint: str = "") -> NeedsPerson:
    return NeedsPerson(
        "held.probe-broken",
        f"{why}; nothing was replaced",
        hint or f"fix the probe, then `rotation resume`; or see whether {cx.rotation.old} is dead",
    )
