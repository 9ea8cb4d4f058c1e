"""The world equals the journal, or nothing is touched (DESIGN 4.7, 4.8)."""

from rotation.effects.context import Context
from rotation.errors import NeedsPerson, SlotFull
from rotation.fold import listed
from rotation.types import PENDING, KeyState, Listing, StoreState, is_any_mark, is_our_mark


def compare(cx: Context, state: StoreState, listing: Listing) -> None:
    """Raises Held's reasons where a read of the store and the issuer differs from what the journal
    last recorded: refusal, claim, current version, labels, instances."""
    check_writable(cx, state)
    check_current(cx, state, cx.rotation.baseline.get("version"))
    check_pending(cx, state)
    check_pointers(cx, state)
    check_instances(cx, listing)


def check_writable(cx: Context, state: StoreState) -> None:
    if state.refusal is not None:
        code, sentence = state.refusal
        raise NeedsPerson(
            code, sentence, "end that arrangement, or take the secret out of rotation.yaml"
        )
    if state.claim is None:
        raise NeedsPerson(
            "held.claim-missing",
            "the secret carries no owner claim; nothing was touched",
            f"run `rotation adopt {cx.spec.secret}`, or tag it through the stack",
        )
    if state.claim != cx.installation:
        raise NeedsPerson(
            "held.claim-foreign",
            f"installation {state.claim} claims this secret; nothing was touched",
            f"if that one is gone: `rotation adopt {cx.spec.secret} --take-over`",
        )


def check_current(cx: Context, state: StoreState, expected: object) -> None:
    current = state.current
    if current == expected:
        return
    hint = "see who wrote it; then `rotation resolve --accept-current` or put the old one back"
    if current is not None and is_our_mark(current, cx.installation):
        raise NeedsPerson(
            "held.journal-behind",
            f"the current version {current} is ours, but this journal does not know it",
            "restore the newest journal, or run `rotation reconcile`",
        )
    if current is not None and is_any_mark(current):
        raise NeedsPerson("held.foreign-mark", f"version {current} is another installation's", hint)
    raise NeedsPerson(
        "held.world-changed", f"the current version is {current}, not {expected}", hint
    )


def check_pending(cx: Context, state: StoreState) -> None:
    pending = state.pending
    if pending in (None, state.current, cx.rotation.new_version):
        return
    if is_our_mark(pending, cx.installation) and pending in _attempts(cx):
        return
    raise NeedsPerson(
        "held.pending-foreign",
        f"version {pending} is pending and not of this rotation; it was not touched",
        f"see `rotation doctor {cx.spec.secret}`",
    )


def _attempts(cx: Context) -> set[str]:
    """Versions that attempts of this rotation may have staged."""
    return {
        f"rot1-{cx.installation}-{state.attempt}"
        for state in cx.rotation.states.values()
        if state.attempt
    }


def _list(cx: Context, name: str) -> list[str]:
    return listed(cx.rotation.baseline, name)


def check_pointers(cx: Context, state: StoreState) -> None:
    """Every labelled version is one that the journal knows."""
    known = {*_list(cx, "known"), cx.rotation.old_version, cx.rotation.new_version}
    known |= _attempts(cx)
    unknown = sorted(
        version.id
        for version in state.versions
        if version.labels - {PENDING} and version.id not in known
    )
    if unknown:
        raise NeedsPerson(
            "held.unknown-pointer",
            f"labels name versions that the journal does not know: {', '.join(unknown)}",
            f"see `rotation doctor {cx.spec.secret}`",
        )


def check_instances(cx: Context, listing: Listing) -> None:
    """The issuer lists exactly the instances that the journal has as live."""
    if not cx.traits.lists:
        return
    # One that a person gave up to be removed is off or gone in the middle of it.
    expected = expected_instances(cx) - (cx.rotation.ours - {cx.rotation.old or ""})
    check_unknown(cx, listing, expected)
    missing = sorted(expected - listing.ids)
    if missing:
        raise NeedsPerson(
            "held.instance-missing",
            f"the issuer no longer lists {', '.join(missing)}",
            "see who removed it; then `rotation resolve --accept-current`",
        )
    for handle_id in expected:
        check_active(listing, handle_id)


def check_active(listing: Listing, handle_id: str) -> None:
    handle = listing.find(handle_id)
    if handle is not None and handle.state is not KeyState.ACTIVE:
        raise NeedsPerson(
            "held.found-suspended",
            f"{handle_id} is {handle.state}, and this rotation did not do it",
            "see who suspended it: an emergency? then `rotation emergency`",
        )


def check_unknown(cx: Context, listing: Listing, expected: set[str]) -> None:
    unknown = sorted(listing.ids - expected - cx.rotation.foreign - cx.rotation.ours)
    if unknown:
        raise NeedsPerson(
            "held.unknown-instance",
            f"the issuer lists {', '.join(unknown)}, which is not provably ours; it was not touched",
            "`rotation resolve --foreign ID` leaves it alone, `--ours ID` removes it carefully",
            instances=",".join(unknown),
        )


def expected_instances(cx: Context) -> set[str]:
    live = set(_list(cx, "live"))
    return live | ({cx.rotation.new} if cx.rotation.new else set())


def check_slot(cx: Context, listing: Listing) -> None:
    """A slot is never freed by us: full means Held."""
    most = cx.traits.live_max
    staying = listing.ids - (cx.rotation.ours - {cx.rotation.old or ""})
    if most is not None and len(staying) >= most:
        others = ", ".join(sorted(staying - {cx.rotation.old or ""}))
        raise SlotFull(
            "held.slot-full",
            f"the issuer holds {len(staying)} of {most} instances; beside the current one: {others}",
            "remove the one that nobody needs, or `rotation resolve --ours ID`",
        )
