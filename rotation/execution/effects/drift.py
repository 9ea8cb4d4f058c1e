"""Compares the world with the journal. Where they differ, nothing is touched."""

from datetime import timedelta

from rotation.errors import NeedsPerson, NotYet, SlotFull
from rotation.execution.effects.context import Context
from rotation.plan import Step
from rotation.types import (
    COMPROMISED,
    PENDING,
    KeyState,
    Listing,
    StoreState,
    is_any_mark,
    is_our_mark,
    mark,
)

CLOCK_SKEW_MAX = timedelta(seconds=60)
# A replica that takes longer will not get in sync by itself.
COPIED_WITHIN = timedelta(hours=1)


def check_no_drift(
    cx: Context, state: StoreState, listing: Listing, edited: tuple[str, ...] = ()
) -> None:
    """Raises with a Held reason where the store or the issuer differs from what the journal last
    recorded: refusal, claim, replicas, current version, labels, instances. Runs before the first
    effect and again before each one that cannot be undone. edited: versions that keep our
    credential and change other keys, the current one first."""
    compare_store(cx, state, edited)
    check_instances(cx, listing)


def compare_store(cx: Context, state: StoreState, edited: tuple[str, ...] = ()) -> None:
    before = edited[0] if edited else cx.rotation.old_version
    check_writable(cx, state)
    check_copies(cx, state)
    check_current(cx, state, cx.rotation.new_version if cx.rotation.done(Step.PROMOTE) else before)
    check_pending(cx, state)
    check_pointers(cx, state, edited)


def check_writable(cx: Context, state: StoreState) -> None:
    if state.refusal is not None:
        code, sentence = state.refusal
        raise NeedsPerson(
            code, sentence, "fix this, then resume; or take the secret out of rotation.yaml"
        )
    check_claim(cx, state)


def check_claim(cx: Context, state: StoreState) -> None:
    if state.claim is None:
        raise NeedsPerson(
            "held.claim-missing",
            "the secret carries no owner claim; nothing more was done",
            f"put the claim back, or `rotation adopt {cx.spec.secret}` once no rotation is open",
        )
    if state.claim != cx.installation:
        raise NeedsPerson(
            "held.claim-foreign",
            f"installation {state.claim} claims this secret; nothing more was done",
            f"if that one is gone: `rotation adopt {cx.spec.secret} --take-over`",
        )


def check_copies(cx: Context, state: StoreState) -> None:
    """Readers of every replica that the store reports get the same as readers here, even if the
    configuration does not name its region."""
    for region in sorted({*state.replicas, *cx.spec.regions}):
        check_copy(cx, state, region)


def check_copy(cx: Context, state: StoreState, region: str) -> None:
    status = state.replicas.get(region, "missing")
    if status == "in-sync":
        return
    done = [state.done_at for state in cx.rotation.states.values() if state.done_at is not None]
    since = max(done, default=cx.rotation.opened.at)
    if status == "in-progress" and cx.now < since + COPIED_WITHIN:
        pause = max(timedelta(seconds=5), (cx.now - since) / 8)
        raise NotYet(
            "verify.replica", f"the replica in {region} is not in sync", until=cx.now + pause
        )
    raise NeedsPerson(
        "held.replica",
        f"the replica in {region} is {status}: its readers may get another value than those here",
        "repair or remove that replica, then `rotation resume`",
    )


def check_current(cx: Context, state: StoreState, expected: object) -> None:
    current = state.current
    if current == expected:
        return
    if current is not None and current == cx.rotation.old_version:
        raise NeedsPerson(
            "held.pointer-moved",
            f"the current label was moved from {expected} back to {current}, which was current "
            "before: readers get the old credential again, and it was not touched",
            f"`rotation rollback {cx.spec.secret}` where that was meant; else put it back and resume",
        )
    hint = (
        "see who wrote it; then put the old one back or run "
        f"`rotation resolve {cx.spec.secret} --accept-current`"
    )
    known = {
        *cx.rotation.baseline.known,
        *(left.version for left in cx.rotation.leftovers.values()),
    }
    if current is not None and is_our_mark(current, cx.installation) and current not in known:
        raise NeedsPerson(
            "held.journal-behind",
            f"the current version {current} is ours, but this journal does not know it",
            "restore the newest journal; if it is gone for good: "
            f"`rotation resolve {cx.spec.secret} --accept-current`",
        )
    if current is not None and is_our_mark(current, cx.installation):
        raise NeedsPerson(
            "held.world-changed",
            f"the current version is {current}, an earlier one of this installation, and not "
            f"{expected}: somebody moved the label",
            hint,
        )
    if current is not None and is_any_mark(current):
        raise NeedsPerson("held.foreign-mark", f"version {current} is another installation's", hint)
    raise NeedsPerson(
        "held.world-changed", f"the current version is {current}, not {expected}", hint
    )


def check_clocks(cx: Context) -> None:
    """The waits before a revocation ended by our clock; a clock that jumped would end them too
    early."""
    if cx.server_at is not None and abs(cx.now - cx.server_at) > CLOCK_SKEW_MAX:
        raise NeedsPerson(
            "held.clock",
            f"it is {cx.now:%Y-%m-%d %H:%M:%S} UTC here and {cx.server_at:%Y-%m-%d %H:%M:%S} UTC "
            "at the provider; the old credential was not touched",
            "set the clock, then resume: the waits are checked again",
        )


def check_pending(cx: Context, state: StoreState) -> None:
    known = {state.current, cx.rotation.new_version, *_staged(cx)}
    foreign = [v.id for v in state.versions if PENDING in v.labels and v.id not in known]
    if foreign:
        raise NeedsPerson(
            "held.pending-foreign",
            f"version {foreign[0]} is pending and not of this rotation; it was not touched",
            f"see `rotation doctor {cx.spec.secret}`",
        )


def _staged(cx: Context) -> set[str]:
    """Versions that attempts of this rotation may have staged."""
    rows = {state.attempt for state in cx.rotation.states.values() if state.attempt}
    return {mark(cx.installation, attempt) for attempt in cx.rotation.attempts | rows}


def check_pointers(cx: Context, state: StoreState, edited: tuple[str, ...] = ()) -> None:
    """Every labelled version is known to the journal. The mark that an earlier emergency left is
    ignored: its version may be forgotten, and no reader uses that label."""
    known = {*cx.rotation.baseline.known, cx.rotation.old_version, cx.rotation.new_version, *edited}
    known |= _staged(cx) | {left.version for left in cx.rotation.leftovers.values()}
    unknown = sorted(
        version.id
        for version in state.versions
        if version.labels - {PENDING, COMPROMISED} and version.id not in known
    )
    if unknown:
        raise NeedsPerson(
            "held.unknown-pointer",
            f"labels name versions that the journal does not know: {', '.join(unknown)}",
            "see who reads by them; then take them off, or "
            f"`rotation resolve {cx.spec.secret} --accept-current` once a rotation is held for it",
        )


def check_instances(cx: Context, listing: Listing) -> None:
    """The issuer lists every instance that the journal has as live, as active, and no unknown one."""
    if not cx.traits.lists or cx.traits.delegated:
        return
    # A leftover may be found off or gone in the middle of its removal.
    expected = expected_instances(cx) - cx.rotation.ours
    check_names(listing, expected)
    check_unknown(cx, listing, expected)
    off = {cx.rotation.old} if cx.in_doubt or cx.rotation.done(Step.SUSPEND) else set()
    # If somebody deleted the old one meanwhile, SUSPEND and DESTROY have nothing left to do.
    gone = {cx.rotation.old} if cx.row.step in (Step.SUSPEND, Step.DESTROY) else off
    if unlisted := sorted(expected - listing.ids - gone):
        raise missing(cx, unlisted)
    for handle_id in expected - off:
        check_active(listing, handle_id)


def check_names(listing: Listing, expected: set[str]) -> None:
    """A renamed login lives on under its new name, and everybody who has the old name is refused.
    It is neither gone nor unknown."""
    for handle in listing.handles:
        if handle.renamed is not None and handle.renamed.was in expected - listing.ids:
            was, back = handle.renamed
            raise NeedsPerson(
                "held.instance-missing",
                f"somebody renamed {was}: it is {handle.id} now, and nobody logs in as {was}",
                f"give it its name back: `{back}`; then `rotation resume`",
                instances=was,
            )


def missing(cx: Context, instances: list[str]) -> NeedsPerson:
    return NeedsPerson(
        "held.instance-missing",
        f"the issuer no longer lists {', '.join(instances)}",
        f"see who removed it; then `rotation rotate {cx.spec.secret} --replace`",
        instances=",".join(instances),
    )


def check_active(listing: Listing, handle_id: str) -> None:
    handle = listing.find(handle_id)
    if handle is not None and handle.state is not KeyState.ACTIVE:
        raise NeedsPerson(
            "held.found-suspended",
            f"{handle_id} is {handle.state}, and this rotation did not do it",
            "see who suspended it: an emergency? then `rotation emergency`; else switch it on at the "
            "service, then `rotation resume`",
            instances=handle_id,
        )


def check_lives(cx: Context, handle_id: str | None) -> None:
    """What readers were given is listed and active, where the issuer can list."""
    if not cx.traits.lists or cx.traits.delegated or handle_id is None:
        return
    listing = cx.listing()
    if handle_id not in listing.ids:
        check_names(listing, {handle_id})
        raise missing(cx, [handle_id])
    check_active(listing, handle_id)


def check_unknown(cx: Context, listing: Listing, expected: set[str]) -> None:
    if cx.traits.delegated:
        return  # the service made all of them
    known = expected | cx.rotation.foreign | cx.rotation.ours | never_staged(cx, listing)
    unknown = sorted(listing.ids - known)
    if unknown:
        named = ", ".join(_called(listing, each) for each in unknown)
        raise NeedsPerson(
            "held.unknown-instance",
            f"the issuer lists {named}, which is not provably ours; it was not touched",
            f"`rotation resolve {cx.spec.secret} --foreign ID` leaves it alone, `--ours ID` removes "
            "it carefully",
            instances=",".join(unknown),
        )


def _called(listing: Listing, handle_id: str) -> str:
    handle = listing.find(handle_id)
    renamed = handle.renamed if handle is not None else None
    return f"{handle_id} (renamed, it was {renamed.was})" if renamed else handle_id


def never_staged(cx: Context, listing: Listing) -> set[str]:
    """Instances with the mark of an attempt of this rotation that are not its new one. They come
    from a mint that failed, seen late or in a lagging list. Nobody has their bytes."""
    attempts = cx.rotation.attempts - {*cx.rotation.baseline.attempts}
    marks = {mark(cx.installation, attempt) for attempt in attempts}
    found = {handle.id for handle in listing.handles if handle.mark in marks}
    return found - {str(cx.rotation.old), str(cx.rotation.new)}


def expected_instances(cx: Context) -> set[str]:
    """Our live instances, as the journal has them now."""
    named = {cx.rotation.old, cx.rotation.new} - {None}
    return {str(instance) for instance in named} | cx.rotation.ours


def check_slot(cx: Context, listing: Listing) -> None:
    """Raises where the issuer has no free slot. This check never frees one."""
    most = cx.traits.live_max if cx.traits.overlap else None
    staying = listing.ids - cx.rotation.ours
    if most is not None and len(staying) >= most:
        others = ", ".join(sorted(staying - {cx.rotation.old or ""}))
        raise SlotFull(
            "held.slot-full",
            f"the issuer holds {len(staying)} of {most} instances; beside the current one: {others}",
            f"remove the one that nobody needs, or `rotation resolve {cx.spec.secret} --ours ID`",
        )
