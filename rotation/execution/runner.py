"""The runner: claim, decide, write the intent, act, write the fact. The order matters only here."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rotation.errors import Ambiguous, JournalMoved, PolicyRefusal, RotationError, StaleEpoch
from rotation.execution.effects import Context, effect_for, look_for
from rotation.execution.effects.context import draft_of, key_of
from rotation.execution.effects.failure import failure_entry
from rotation.execution.live import Live
from rotation.execution.opening import (
    over,
    refuse_doubtful,
    refuse_emergency,
    refuse_on_hold,
    refuse_unknown_credential,
)
from rotation.interfaces import Adapters, Clock
from rotation.journal import Decide, Journal
from rotation.journal.chain import link
from rotation.journal.entries import Draft, Entry, Kind, Lease
from rotation.journal.facts import Attempt, Baseline, Delay, HeldFor, Issued, Opened
from rotation.journal.record import Record
from rotation.machine.baseline import closing, left_by
from rotation.machine.decide import Action, Close, Do, Held, Wait, held, next_action, pending_resume
from rotation.machine.decision import is_recorded, with_decision
from rotation.machine.replay import Mode, Replayed, Rotation, replay
from rotation.plan import COMPROMISED, CONTAIN_ONLY, REPLACE, Gate, Plan, RowInstance, Step
from rotation.plan.compiled import opening
from rotation.plan.specification import changes, spec_from_json
from rotation.plugins.guard import Guard, Stopped
from rotation.types import Specification

LEASE = timedelta(seconds=60)
# A runner that has not heard from the journal for so long asks it before the next call.
FENCE = timedelta(seconds=10)


@dataclass(kw_only=True)
class Runner:
    """Advances rotations. One instance serves many threads. The caller makes sure that no two
    threads advance one stream: a lease tells runners apart, not threads."""

    journal: Journal
    bind: Callable[[Specification], Adapters]
    clock: Clock
    id: str
    live: Live = field(default_factory=Live)
    follow: Callable[[Sequence[Entry]], None] = lambda entries: None  # gets each durable entry
    dead: Callable[[str], bool | None] = lambda runner: None
    new_attempt: Callable[[], str] = lambda: uuid.uuid4().hex
    stopping: Callable[[], bool] = lambda: False  # true: no further effect is begun

    # ------------------------------------------------------------------------------- opening

    def open(
        self, stream: str, plan: Plan, spec: Specification, *, trigger: str, who: str | None = None,
        said: Opened | None = None,
    ) -> Entry:  # fmt: skip
        """Opens a rotation of that plan; nothing else is done yet. Raises AlreadyOpen where one is
        open, PolicyRefusal where a person holds the identity, UsageError where the plan needs a
        credential that the journal does not know."""
        asked = Opened(trigger=trigger) | (said or Opened())
        while True:
            try:
                entry = self._open(stream, plan, spec, asked, who)
            except JournalMoved:
                continue  # a hold or a whole rotation landed meanwhile: decide again
            self.follow([entry])
            return entry

    def _open(
        self, stream: str, plan: Plan, spec: Specification, said: Opened, who: str | None
    ) -> Entry:
        refuse_doubtful(self.journal, stream)
        entries = self.journal.entries(stream)
        before = replay(entries) if entries else None
        refuse_on_hold(before, spec)
        baseline = left_by(before)
        refuse_unknown_credential(plan, baseline, spec)
        draft, now = self._opened(plan, spec, baseline, said, who), self.clock.now()
        seen = entries[-1].seq if entries else 0
        return self.journal.open(stream, self.id, spec.identity, spec.secret, draft, now, seen=seen)

    def _opened(
        self, plan: Plan, spec: Specification, baseline: Baseline, said: Opened, who: str | None
    ) -> Draft:
        # Builds every adapter, so that a broken one is refused before anything is opened.
        opened = opening(plan, spec, self.bind(spec).issuer.traits)
        facts = (opened | Opened(baseline=baseline.facts) | said).facts
        return Draft(kind=Kind.OPENED, who=who, facts=facts)

    def open_emergency(
        self,
        stream: str,
        spec: Specification,
        baseline: Baseline,
        *,
        who: str,
        said: Opened,
        seen: int | None = None,
    ) -> Lease:
        """One transaction: closes an open rotation as superseded, raises the epoch and opens
        COMPROMISED with the instances of `baseline`. From then on any other runner's write is
        refused. `said` names the scope and the reason. seen: the seq that they were decided from;
        raises JournalMoved where the stream has moved on."""
        replaces = baseline.handle in said.scope
        if not replaces and not self.bind(spec).issuer.traits.overlap:
            raise PolicyRefusal(
                "emergency.not-current",
                "this issuer has one credential, and only replacing it ends it; nothing was done",
                "declare the emergency without --key-id",
            )
        plan = COMPROMISED if replaces else CONTAIN_ONLY
        said = Opened(trigger="emergency") | said
        return self._supersede(stream, plan, spec, baseline, who=who, said=said, seen=seen)

    def open_replacement(
        self, stream: str, spec: Specification, *, trigger: str, who: str | None = None,
        reason: str | None = None, seen: int | None = None,
    ) -> None:  # fmt: skip
        """Opens REPLACE, in the same transaction closes what is open, and leaves it to any runner. Raises
        PolicyRefusal where that one is an emergency, which has to contain first, or where a person
        holds the identity; JournalMoved where the stream has moved on. seen: as in
        `open_emergency`."""
        refuse_doubtful(self.journal, stream)
        entries = self.journal.entries(stream)
        before = replay(entries) if entries else None
        refuse_on_hold(before, spec)
        refuse_emergency(before, spec)
        baseline = left_by(before)
        seen = entries[-1].seq if seen is None and entries else seen or 0
        said = Opened(trigger=trigger, reason=reason)
        lease = self._supersede(stream, REPLACE, spec, baseline, who=who, said=said, seen=seen)
        self.journal.release(lease)

    def _supersede(
        self, stream: str, plan: Plan, spec: Specification, baseline: Baseline, *,
        who: str | None, said: Opened, seen: int | None,
    ) -> Lease:  # fmt: skip
        entries = self.journal.entries(stream)
        rotation = replay(entries) if entries else None
        drafts = over(rotation, self._opened(plan, spec, baseline, said, who))
        return self.journal.supersede(
            stream, self.id, spec.identity, spec.secret, drafts, self.clock.now(), LEASE, seen=seen
        )

    # ----------------------------------------------------------------------------- advancing

    def advance(self, stream: str, *, until: Step | None = None) -> Action:
        """Takes the open rotation as far as it goes now: to its close, a wait or Held. `until`
        stops before that step. Safe to call at any time, from any number of runners."""
        lease = self.journal.claim(stream, self.id, self.clock.now(), LEASE, dead=self.dead)
        if lease is None:
            return Wait(None, "another runner works on it")
        run = _Run(self, lease)
        try:
            action = run.advance(until)
        except StaleEpoch:
            # Another runner has the lease now and looks at our last call. Do nothing more.
            return Wait(None, "another runner took over")
        except Stopped:
            # The row stays as it was, or in doubt: the next runner looks at the world first.
            action = self.stopped()
        if not run.has_closed:
            self.journal.release(lease)
        return action

    def stopped(self) -> Wait:
        """The state in which a stopping process leaves a rotation."""
        return Wait(self.clock.now(), "stopping; resumed by the next runner")


class _Run:
    """One claim of one stream. unwritten: facts of pure reads at the end of `entries`, beyond the
    `durable` ones. They are written with the next entry; a crash loses only what can be read again.
    """

    def __init__(self, runner: Runner, lease: Lease) -> None:
        self.runner, self.lease, self.doubt = runner, lease, runner.journal.doubt(lease.stream)
        self.entries: tuple[Entry, ...] = runner.journal.entries(lease.stream)
        self.replay, self.unwritten = Replayed(), tuple[Draft, ...]()
        self.decided: tuple[str, Action] | None = None
        self.durable, self.started = len(self.entries), self.entries[-1].seq if self.entries else 0
        self.renewed_at = self.proved_at = runner.clock.now()
        self.changed = self._spec_changed()

    def advance(self, until: Step | None) -> Action:
        if not self.entries:
            return Wait(None, "nothing was ever opened")
        if self._follow_up(self.replay(self.entries)):
            self._append([])
        while True:
            rotation = self.replay(self.entries)
            action = self._decide(rotation)
            if not isinstance(action, Do) or action.row.step is until:
                break
            if self.runner.stopping():
                action = self.runner.stopped()
                break
            self._perform(rotation, action)
        if self.unwritten or not is_recorded(self.entries, rotation, self._decide(rotation)):
            self._append([])
        if isinstance(action, Wait) and action.row is not None:
            self.runner.live.ask(rotation, action.row)
        return action

    @property
    def has_closed(self) -> bool:
        """CLOSED has also given the lease back."""
        return any(e.kind is Kind.CLOSED and e.seq > self.started for e in self.entries[-1:])

    def _decide(self, rotation: Rotation) -> Action:
        """Decided once for each state, so what the journal's transaction decided is what is done."""
        if self.decided is None or self.decided[0] != rotation.last.hash:
            self.decided = rotation.last.hash, self._decision(rotation)
        return self.decided[1]

    def _decision(self, rotation: Rotation) -> Action:
        now = self.runner.clock.now()
        forward = rotation.outcome is None and rotation.mode is Mode.FORWARD
        going_on = rotation.change_accepted or rotation.abandoned or pending_resume(rotation)
        if self.changed and forward and not going_on:
            return held("held.spec-changed")
        action = next_action(rotation, now)
        if not isinstance(action, Do) or self._is_fresh(rotation.last, action.row):
            return action
        # Looked up only where needed: both read the journal.
        if action.row.effect and action.row.step is not Step.CONTAIN:
            reason = self.doubt or self.runner.live.read_only()
            if reason is not None:
                return Wait(None, f"read-only: {reason}", action.row)
        if not action.in_doubt and (wait := self.runner.live.approval(rotation, action.row)):
            return wait
        if Gate.WINDOW in action.row.gates:
            gates = self.runner.live.gates(Opened.of(rotation.opened.facts).secret, now)
            return next_action(rotation, now, gates)
        return action

    def _spec_changed(self) -> list[str]:
        if not self.entries or not (rotation := self.replay(self.entries)).readable:
            return []
        present = self.runner.live.specification(Opened.of(rotation.opened.facts).secret)
        return [] if present is None else changes(spec_from_json(rotation.spec), present)

    def _append(self, drafts: Sequence[Draft]) -> None:
        """Writes facts and, in the same transaction, what follows from them."""
        now = self.runner.clock.now()
        if now - self.renewed_at > LEASE / 3:
            self._renew(now)
        self._write(drafts, self._with_decision)
        if self.decided is not None:
            self.decided = self.entries[-1].hash, self.decided[1]

    def _with_decision(self, past: tuple[Entry, ...]) -> Sequence[Draft]:
        """Adds the decision to the entries to be written, so that readers of the journal need not
        decide again what this rotation waits for."""
        ahead = self._ahead(past, self.unwritten)
        rotation = self.replay(ahead)
        following = self._follow_up(rotation)
        action, drafts = self._decide(rotation), (*self.unwritten, *following)
        if not drafts and is_recorded(ahead, rotation, action):
            return []
        if following and isinstance(action, Do):
            self.decided = rotation.last.hash, replace(action, in_doubt=True)
        return with_decision(drafts or (Draft(kind=Kind.WAITING),), rotation, action)

    def _ahead(self, past: tuple[Entry, ...], drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        return past + link(
            past, self.lease.stream, drafts,
            epoch=self.lease.epoch, runner=self.lease.runner, now=self.runner.clock.now(),
        )  # fmt: skip

    def _renew(self, now: datetime) -> None:
        stream, own = self.lease.stream, self.runner.id
        lease = self.runner.journal.claim(stream, own, now, LEASE, dead=self.runner.dead)
        if lease is None or lease.epoch != self.lease.epoch:
            if lease is not None:
                self.runner.journal.release(lease)
            raise StaleEpoch("journal.stale", "another runner took over")
        self.renewed_at = now

    def _follow_up(self, rotation: Rotation) -> Sequence[Draft]:
        """The entry that must precede the next action. It is decided inside the journal's
        transaction from all entries so far, so a hold that came first wins."""
        if rotation.outcome is not None:
            return []
        match self._decide(rotation):
            case Close(outcome):
                return [Draft(kind=Kind.CLOSED, facts=closing(rotation, outcome).facts)]
            case Held(code) if rotation.held is None:
                return [Draft(kind=Kind.HELD, facts=HeldFor(code=code, changed=self.changed).facts)]
            case Wait(until, why, row) if row and rotation.states[row.position].is_news(until):
                facts = Delay(until=until, why=why, window=True).facts
                return [Draft(kind=Kind.WAITING, row=key_of(rotation, row), facts=facts)]
            case Do(row, False) if row.effect and not row.looks:
                key, attempt = key_of(rotation, row), self.runner.new_attempt()
                return [Draft(kind=Kind.BEGAN, row=key, attempt=attempt)]
            case _:
                return []

    def _is_fresh(self, last: Entry, row: RowInstance) -> bool:
        """Whether this run wrote the intent itself and has not acted on it: then there is no doubt."""
        mine = last.seq > self.started and last.runner == self.runner.id
        began = last.row if mine and last.kind is Kind.BEGAN else None
        return began is not None and began.position == row.position

    def _perform(self, rotation: Rotation, do: Do) -> None:
        fresh = do.in_doubt and self._is_fresh(rotation.last, do.row)
        guard = Guard(stopping=self.runner.stopping, fence=self._fence)
        cx = self._context(rotation, do, guard, in_doubt=do.in_doubt and not fresh)
        step, rules = do.row.step, rotation.rules
        acting = False
        try:
            if do.row.looks and not fresh and not (cx.in_doubt and step is Step.ISSUE):
                cx.looked = look_for(rules, step)(cx)
                if not cx.in_doubt and not self._began(cx):
                    return  # a person's command landed meanwhile: decide again
            acting = do.row.effect
            record = effect_for(rules, step)(cx)
        except RotationError as error:
            # An effect makes several calls: once one was sent, only `void` says that nothing is left.
            begun = acting and (guard.asked or isinstance(error, Ambiguous))
            doubtful = (begun or cx.in_doubt) and not Attempt.of(error.facts).void
            self._append([draft_of(cx, *failure_entry(cx, error, doubtful=doubtful))])
        else:
            self._done(cx, record)

    def _done(self, cx: Context, record: Record) -> None:
        """Writes the fact. The fact of a pure read waits while the next row is another read.
        Fewer commits; see docs/benchmarks.md. Refused logins have a cost, so they are not treated
        as a read."""
        draft = draft_of(cx, Kind.DONE, record)
        read = not cx.row.effect and cx.row.step is not Step.PROVE_OFF
        if read and cx.now - self.proved_at < FENCE:
            ahead = self._ahead(self.entries, [draft])
            match self._decide(self.replay(ahead)):
                case Do(row, False) if not row.effect or row.looks:
                    self.entries, self.unwritten = ahead, (*self.unwritten, draft)
                    return
        self._append([draft])

    def _context(self, rotation: Rotation, do: Do, guard: Guard, *, in_doubt: bool) -> Context:
        spec = spec_from_json(rotation.spec)
        state = rotation.states[do.row.position]
        attempt = state.attempt if state.in_doubt and state.attempt else self.runner.new_attempt()
        cx = Context(
            rotation=rotation, row=do.row, spec=spec, attempt=attempt, in_doubt=in_doubt,
            bound=guard.wrap(self.runner.bind(spec)), clock=self.runner.clock,
            installation=self.runner.journal.installation,
            note=lambda made: self._note(cx, made),
            others=lambda logins: self.runner.live.others(spec, logins),
        )  # fmt: skip
        return cx

    def _began(self, cx: Context) -> bool:
        """Writes the intent at exactly the seq that it was decided from; else writes what follows
        from what landed there."""
        seen, intent = cx.rotation.last.seq, draft_of(cx, Kind.BEGAN, cx.looked)

        def began(past: tuple[Entry, ...]) -> Sequence[Draft]:
            if past[-1].seq + len(self.unwritten) != seen:
                return self._with_decision(past)
            return with_decision((*self.unwritten, intent), cx.rotation, Do(cx.row, in_doubt=True))

        self._write([], began)
        return self._is_fresh(self.entries[-1], cx.row)

    def _write(self, drafts: Sequence[Draft], decide: Decide | None = None) -> None:
        now, known = self.runner.clock.now(), self.entries[: self.durable]
        self.unwritten = (*self.unwritten, *drafts)
        then = decide or (lambda past: self.unwritten)
        self.entries = self.runner.journal.append(self.lease, [], now, known=known, then=then)
        self.unwritten, self.durable, self.proved_at = (), len(self.entries), now
        self.runner.follow(self.entries[len(known) :])

    def _fence(self) -> None:
        """A process that was frozen does not know that time has passed. Its calls must not reach
        the world once another runner is at work. No provider checks our epoch, so the journal is
        asked as shortly before the call as possible."""
        if abs(self.runner.clock.now() - self.proved_at) > FENCE:
            self._write([])

    def _note(self, cx: Context, made: Issued) -> None:
        """NOTED is durable before the bytes go to the store. If the write is refused as stale, the
        instance is destroyed: its bytes went nowhere, and no other runner knows of it."""
        try:
            self._write([draft_of(cx, Kind.NOTED, made)])
        except StaleEpoch:
            self.runner.bind(cx.spec).issuer.destroy(str(made.new))
            raise
