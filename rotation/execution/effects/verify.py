"""verify: what consumers read logs in, and the old credential has become quiet."""

from datetime import datetime, timedelta

from rotation.errors import NeedsPerson, NotYet, Refused
from rotation.execution.effects import drift
from rotation.execution.effects.context import Context, done_at, logins_agree, wait_until
from rotation.journal.facts import Confirmed, Drained, Inspected, Opened, Verified
from rotation.journal.record import Record
from rotation.plan import Step
from rotation.types import Evidence, PermissionSet, Verdict


def verify_live(cx: Context) -> Record:
    """Reads the promoted version by its recorded id, where consumers read it, and logs in with it."""
    region = cx.row.subject.removeprefix("region:") if cx.row.subject != "-" else None
    if region is not None:
        drift.check_copy(cx, cx.store_state(), region)
    inspected = cx.rotation.state(Step.INSPECT).record(Inspected)
    version = cx.rotation.new_version or inspected.version
    assert version is not None, "verify-live comes after `issue` or `inspect`"
    fields = cx.store.read(version, under=PermissionSet.VERIFY, region=region)
    if cx.rotation.unverified:
        return Verified(version=version, unverified=True)
    handle = cx.rotation.new or inspected.handle
    refused = Refused(
        "held.live-refused",
        "the current version does not log in",
        f"write {', '.join(fields.padded)} without white space at the ends" * bool(fields.padded),
        instances=handle,
    )
    try:
        logins = logins_agree(cx, fields, Verdict.ACCEPTED, refused)
    except Refused:
        drift.check_lives(cx, handle)
        raise
    return logins | Verified(version=version, probed_at=cx.now)


def drain(cx: Context) -> Record:
    """Waits for the end of the grace period. Where the evidence is the issuer's usage report, the
    new instance must be in use, and the old one quiet for `quiet` plus the report's lag. Our own
    probes do not count as use."""
    if cx.rotation.rules.retires:
        return _drain_retired(cx)
    _consumers_declared(cx)
    check_grace(cx)
    if not relies_on_usage(cx):
        return Record()
    assert cx.rotation.old is not None
    quiet = _quiet(cx, cx.rotation.old)
    _new_is_used(cx)
    return quiet


def check_grace(cx: Context) -> None:
    given = last_given(cx)
    assert given is not None, "I3: readers were given the new one first"
    wait_until(
        given + timedelta(seconds=cx.spec.grace_s),
        cx.now,
        "drain.grace",
        f"grace of {cx.spec.grace_s} s since the last delivery",
    )


def _consumers_declared(cx: Context) -> None:
    if not any(c.role == "reader" for c in cx.spec.consumers):
        raise NeedsPerson(
            "held.no-consumers",
            "no consumer is declared, so nothing shows that they moved; both credentials stay alive",
            "declare them, roll back and rotate again",
        )


def relies_on_usage(cx: Context) -> bool:
    return any(
        cx.rotation.state(Step.CONFIRM, f"consumer:{c.id}").record(Confirmed).evidence
        == Evidence.USAGE
        for c in cx.spec.consumers
    )


def _quiet(cx: Context, handle_id: str) -> Record:
    used = cx.issuer.usage(handle_id).last_used
    quiet = timedelta(seconds=cx.spec.quiet_s) + cx.traits.report_lag
    if used is None or cx.now >= used + quiet:
        return Drained(last_used=used)
    _still_promoted(cx, used)
    given = last_given(cx)
    if given is not None and used > given + timedelta(seconds=cx.spec.grace_s) + quiet:
        raise straggler(cx, handle_id, used, used + quiet)
    raise NotYet(
        "drain.quiet",
        f"{handle_id} was used at {used:%Y-%m-%d %H:%M:%S} UTC",
        until=used + quiet,
    )


def straggler(cx: Context, handle_id: str, used: datetime, ripe: datetime) -> NeedsPerson:
    """The old credential is used although every consumer had time to move. ripe: from when on it
    counts as quiet if it is not used again."""
    return NeedsPerson(
        "held.straggler",
        f"{handle_id} was used at {used:%Y-%m-%d %H:%M:%S} UTC, when everybody should have moved: "
        "somebody still has it; it was not touched",
        "look for that id in the service's log and let its user read the store; unless it is used "
        f"again, `rotation resume {cx.spec.secret}` succeeds from {ripe:%Y-%m-%d %H:%M:%S} UTC on, not before",
    )


def _still_promoted(cx: Context, used: datetime) -> None:
    """Checks the label: use after every consumer should have moved may come from a label that was
    moved back."""
    given = last_given(cx)
    longest = timedelta(seconds=max((c.refresh_s for c in cx.spec.consumers), default=0))
    if cx.rotation.new_version is not None and given is not None and used > given + longest:
        drift.check_current(cx, cx.store_state(), cx.rotation.new_version)


def _new_is_used(cx: Context) -> None:
    """By a consumer, not by our own probes."""
    usage = cx.issuer.usage(cx.new())
    probed = done_at(cx, Step.VERIFY_LIVE)
    promoted = done_at(cx, Step.PROMOTE)
    assert promoted is not None
    since = max(promoted, probed or promoted)
    if usage.last_used is None or usage.last_used <= since:
        drift.check_lives(cx, cx.new())
        pause = max(timedelta(seconds=cx.spec.quiet_s) / 4, timedelta(seconds=1))
        raise NotYet(
            "drain.unused",
            "waits for the new credential to be used by a consumer",
            until=cx.now + pause,
        )


def _drain_retired(cx: Context) -> Record:
    """Every consumer is declared gone and the issuer shows quiet, or an operator accepted the gap."""
    gap = Opened.of(cx.rotation.opened.facts).gap
    staying = sorted(c.id for c in cx.spec.consumers if c.role == "reader" and not c.gone)
    if staying and not gap:
        raise NeedsPerson(
            "held.no-evidence",
            f"consumers still declared: {', '.join(staying)}; nothing was touched",
            "`rotation abandon`; then state `gone: true` beside them, or retire with `--gap REASON`",
        )
    if cx.rotation.old is None or not cx.traits.reports_usage or gap:
        return Drained(gap=gap)
    return _quiet(cx, cx.rotation.old)


def last_given(cx: Context) -> datetime | None:
    times = [at for step in (Step.PROMOTE, Step.DELIVER, Step.DEMOTE) if (at := done_at(cx, step))]
    return max(times, default=None)


EFFECTS = {Step.VERIFY_LIVE: verify_live, Step.DRAIN: drain}
