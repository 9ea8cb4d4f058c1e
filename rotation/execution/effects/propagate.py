"""propagate: readers get the new version, pushed consumers receive it, and evidence is collected."""

from datetime import datetime, timedelta

from rotation.errors import NeedsPerson, Refused, RotationError
from rotation.execution.effects.context import Context, done_at, wait_until
from rotation.journal.facts import Attempt, Confirmed, Verified, Written
from rotation.journal.record import Record
from rotation.plan import Step
from rotation.types import ConsumerSpec, Evidence, PermissionSet, Verdict

VERIFY_AGE_MAX = timedelta(minutes=10)


def rehearse(cx: Context) -> None:
    """Finds what would stop a delivery while nothing is changed yet."""
    for consumer in cx.spec.consumers:
        if consumer.role == "reader" and consumer.pushed and not consumer.gone:
            # By name: the adapter is wrapped in a proxy that stops calls at a shutdown.
            rehearsal = getattr(cx.bound.consumers.get(consumer.id), "rehearse", None)
            if rehearsal is not None:
                rehearsal()


def promote(cx: Context) -> Record:
    _ready(cx)
    old = cx.rotation.old_version
    assert old is not None, "a promotion names the version that it expects"
    cx.store.promote(cx.new_version(), expecting=old)
    return Written(version=cx.new_version())


def _ready(cx: Context) -> None:
    """I2: exactly the version that becomes current has logged in shortly before."""
    if cx.traits.overlap and cx.rotation.rules.checks_drift:
        rehearse(cx)
    verified = cx.rotation.state(Step.VERIFY)
    assert cx.bound.probe is None or verified.record(Verified).version == cx.new_version(), "I2"
    since = None if cx.rotation.unverified else verified.done_at
    if since is not None and cx.now > since + VERIFY_AGE_MAX:
        fields = cx.store.read(cx.new_version(), under=PermissionSet.VERIFY)
        if cx.probe.login(fields) is Verdict.REFUSED:
            raise Refused(
                "verify.refused", "the staged credential no longer logs in; nothing was promoted"
            )


def deliver(cx: Context) -> Record:
    fields = cx.store.read(cx.new_version(), under=PermissionSet.DELIVER)
    try:
        cx.consumer.deliver(cx.new_version(), fields)
    except RotationError as error:
        if cx.in_doubt:
            error.facts.pop(Attempt.void.name, None)  # an earlier call may have reached it
        raise
    return Written(version=cx.new_version())


def confirm(cx: Context) -> Record:
    """Evidence that this consumer moved, dated after the promotion. Where the evidence is the
    issuer's usage report, only the refresh time passes here; `drain` reads the report."""
    consumer = consumer_spec(cx)
    if consumer.confirms and consumer.pushed:
        if cx.rotation.rules.overlaps:
            _bake(cx, consumer)
        return Confirmed(evidence=Evidence.ACKNOWLEDGED)
    given = given_at(cx, Step.PROMOTE, Step.DELIVER)
    refresh = timedelta(seconds=consumer.refresh_s)
    if consumer.accept_elapsed:
        wait_until(
            given + 2 * refresh,
            cx.now,
            "confirm.refresh",
            f"{consumer.id} reads the store again within {2 * consumer.refresh_s} s",
        )
        return Confirmed(evidence=Evidence.ELAPSED)
    if not cx.traits.reports_usage:
        raise NeedsPerson(
            "held.no-evidence",
            f"nothing can show that {consumer.id} moved; both credentials stay alive",
            "let it confirm, or state `accept_elapsed: true` beside it",
        )
    wait_until(
        given + refresh,
        cx.now,
        "confirm.refresh",
        f"{consumer.id} reads the store again within {consumer.refresh_s} s",
    )
    return Confirmed(evidence=Evidence.USAGE)


def _bake(cx: Context, consumer: ConsumerSpec) -> None:
    """Where nothing works beside the new one there are no waves, and nothing waits for one."""
    given = cx.rotation.state(Step.DELIVER, cx.row.subject).done_at or cx.now
    wait_until(
        given + timedelta(seconds=consumer.bake_s),
        cx.now,
        "confirm.bake",
        f"{consumer.id} runs on it for {consumer.bake_s} s before the next wave",
    )


def consumer_spec(cx: Context) -> ConsumerSpec:
    return next(c for c in cx.spec.consumers if c.id == cx.consumer_id)


def given_at(cx: Context, *steps: Step) -> datetime:
    times = [at for step in steps if (at := done_at(cx, step)) is not None]
    return max(times, default=cx.rotation.opened.at)


EFFECTS = {Step.PROMOTE: promote, Step.DELIVER: deliver, Step.CONFIRM: confirm}
