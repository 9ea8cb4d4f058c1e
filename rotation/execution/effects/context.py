"""What an effect is given, and the reads that several effects share."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotation.errors import NeedsPerson, NotYet, Refused, Transient
from rotation.interfaces import Adapters, Clock, Consumer, Issuer, Probe, Store
from rotation.journal.entries import Draft, Kind, RowKey
from rotation.journal.facts import Issued, Logins
from rotation.journal.record import Record
from rotation.machine.replay import Rotation, RowState
from rotation.plan import RowInstance, Step
from rotation.types import (
    Fields,
    Listing,
    PermissionSet,
    Specification,
    StoreState,
    Traits,
    Verdict,
)

# How long a switch-off may take to become effective. A login that still works after that is a
# finding.
PROPAGATION_MAX = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True)
class Context:
    """What one call of an effect works on."""

    rotation: Rotation
    row: RowInstance
    spec: Specification
    bound: Adapters
    clock: Clock
    installation: str
    attempt: str  # the id of this mint or write, durable in the intent
    in_doubt: bool
    note: Callable[[Issued], None]  # writes NOTED, durable before it returns
    # Other secrets of the configuration that use one of these logins.
    others: Callable[[Collection[str]], Sequence[str]]
    server_at: datetime | None = None  # the latest time that a provider reported
    looked: Record = field(default_factory=Record)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def state(self) -> RowState:
        return self.rotation.states[self.row.position]

    @property
    def issuer(self) -> Issuer:
        return self.bound.issuer

    @property
    def store(self) -> Store:
        return self.bound.store

    @property
    def probe(self) -> Probe:
        assert self.bound.probe is not None, "rows that log in are compiled out without a probe"
        return self.bound.probe

    @property
    def consumer(self) -> Consumer:
        return self.bound.consumers[self.consumer_id]

    @property
    def consumer_id(self) -> str:
        return self.row.subject.removeprefix("consumer:")

    @property
    def settle(self) -> timedelta:
        return timedelta(seconds=self.spec.settle_s)

    def store_state(self) -> StoreState:
        state = self.store.state()
        self.server_at = state.server_at or self.server_at
        return state

    @property
    def traits(self) -> Traits:
        return self.bound.issuer.traits

    def listing(self) -> Listing:
        if not self.traits.lists:
            return Listing(handles=())
        listing = self.issuer.listing()
        self.server_at = listing.server_at or self.server_at
        return listing

    def new(self) -> str:
        new = self.rotation.new
        assert new is not None, "no row that needs the new instance runs before `issue` is done"
        return new

    def new_version(self) -> str:
        version = self.rotation.new_version
        assert version is not None, "no row that needs the new version runs before `issue` is done"
        return version


def draft_of(cx: Context, kind: Kind, record: Record) -> Draft:
    """An entry for the current row."""
    return Draft(
        kind=kind,
        row=key_of(cx.rotation, cx.row),
        attempt=cx.attempt if cx.row.effect else None,
        at=cx.now,
        server_at=cx.server_at,
        facts=record.facts,
    )


def key_of(rotation: Rotation, row: RowInstance) -> RowKey:
    return RowKey(row.position, row.step, row.subject, rotation.states[row.position].round)


def wait_until(until: datetime, now: datetime, code: str, message: str) -> None:
    if now < until:
        raise NotYet(code, message, until=until)


def done_at(cx: Context, step: Step) -> datetime | None:
    """When the latest row of that step was done, in its current round."""
    times = [
        state.done_at
        for row in (*cx.rotation.rows, *cx.rotation.undo, *cx.rotation.accept)
        if row.step is step and (state := cx.rotation.states[row.position]).done and state.done_at
    ]
    return max(times, default=None)


def logins_agree(
    cx: Context, fields: Fields, expected: Verdict, refusal: NeedsPerson | Refused
) -> Logins:
    """Collects `row.successes` logins with the expected verdict, spread over the settle time. A
    probe never sleeps: the row waits between two logins. The other verdict is tolerated until the
    propagation time is over; then `refusal` is raised."""
    needed = cx.row.successes
    if expected is Verdict.REFUSED:
        needed = max(1, min(needed, cx.traits.failed_logins_safe))
    before = cx.state.record(Logins)
    seen, since = before.logins, before.since or cx.now
    pause = cx.settle / max(1, needed - 1)
    while seen < needed:
        if cx.probe.login(fields) is not expected:
            if cx.now >= since + _patience(cx, expected):
                raise refusal
            until = cx.now + _pause(cx, expected)
            raise NotYet(
                "verify.settling",
                "waits for the change to be known everywhere",
                until=until,
                observed=Logins(logins=0, since=since).facts,
            )
        seen += 1
        if seen < needed and pause:
            raise NotYet(
                "verify.spread",
                f"{seen} of {needed} logins",
                until=cx.now + pause,
                observed=Logins(logins=seen, since=since).facts,
            )
    return Logins(logins=seen)


def _pause(cx: Context, expected: Verdict) -> timedelta:
    """The time until the next try. Where refused logins lock an account, it allows only a few
    tries."""
    pause = max(cx.settle / 4, timedelta(seconds=1))
    if expected is Verdict.REFUSED:
        return pause
    return max(pause, _patience(cx, expected) / max(1, cx.traits.failed_logins_safe))


def _patience(cx: Context, expected: Verdict) -> timedelta:
    if not cx.settle:
        return timedelta()
    return (
        PROPAGATION_MAX if expected is Verdict.REFUSED else max(cx.settle * 4, timedelta(minutes=2))
    )


def read_old(cx: Context) -> Fields | None:
    """The bytes of the old version, read by version id; None where this rotation has no old
    credential."""
    version = cx.rotation.value_of_old
    if version is None or cx.rotation.old is None:
        return None
    return cx.store.read(version, under=PermissionSet.PROVE)


def if_kept(read: Callable[[], Fields | None]) -> Fields | None:
    """None where the store no longer has the bytes."""
    try:
        return read()
    except (Transient, NeedsPerson) as error:
        if error.code in ("store.version-missing", "store.missing"):
            return None
        raise


def kept(cx: Context, version: str | None) -> Fields | None:
    """The bytes of an earlier version, where the store still has them."""
    if version is None:
        return None
    return if_kept(lambda: cx.store.read(version, under=PermissionSet.PROVE))
