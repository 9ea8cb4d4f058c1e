"""PostgreSQL logins kept in Vault, rotated again and again under a client that never stops logging
in: waits of the rotations are skipped, the client has the real time that it needs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pytest

from rotation.execution.runner import Runner
from rotation.journal.facts import Proof
from rotation.journal.sql import SqlJournal, open_journal
from rotation.machine.decide import Close, Wait
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.plan import PLANS, Step
from rotation.types import Death
from tests.matrix.services import Services
from tests.matrix.sides import INSTALLATION
from tests.matrix.world import Pair

STREAM = "postgres-login-under-load"
REFRESH_S, LOGIN_EVERY_S = 0.1, 0.01
PATIENCE_S = 30


@dataclass
class Client:
    """Logs in anew each time with what it holds; never asks Vault again because it was refused."""

    pair: Pair
    logins: int = 0
    refused: int = 0
    reads: int = 0
    failure: BaseException | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(PATIENCE_S)
        if self.failure is not None:
            raise self.failure

    def catch_up(self) -> None:
        """Until it certainly holds what the store has now: a read may have begun before."""
        with self._changed:
            wanted = self.reads + 2
            assert self._changed.wait_for(lambda: self.reads >= wanted, PATIENCE_S)

    def _work(self) -> None:
        try:
            next_read = 0.0
            while not self._ended.wait(LOGIN_EVERY_S):
                if time.monotonic() >= next_read:
                    holds, next_read = self.pair.store.read(), time.monotonic() + REFRESH_S
                    with self._changed:
                        self.reads += 1
                        self._changed.notify_all()
                self.logins += 1
                self.refused += not self.pair.issuer.lets_in(holds)
        except BaseException as failure:  # noqa: BLE001 -- told where the client is waited for
            self.failure = failure


@dataclass
class Rotations:
    """Of one secret, by one runner."""

    pair: Pair
    journal: SqlJournal
    client: Client

    def __post_init__(self) -> None:
        adapters = self.pair.adapters()
        # What is left to wait for is that the client moves.
        self.spec = replace(self.pair.specification(), settle_s=0, quiet_s=0, soak_s=0)
        self.runner = Runner(
            journal=self.journal, bind=lambda spec: adapters, clock=self.pair.clock, id="runner"
        )

    def does(self, plan: str) -> Rotation:
        self.runner.open(STREAM, PLANS[plan], self.spec, trigger="test")
        while not isinstance(action := self.runner.advance(STREAM), Close):
            rotation = replay(self.journal.entries(STREAM))
            assert isinstance(action, Wait), f"{action}: {rotation.held}"
            assert action.until is not None, action
            self.client.catch_up()
            self.pair.clock.skip_to(action.until)
        return replay(self.journal.entries(STREAM))


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(3, id="3"),
        pytest.param(100, id="100", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_no_login_fails(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path, times: int
) -> None:
    pair = services.pair("postgres-login, unique", "vault-kv2")
    pair.begin(fresh_name())
    began = time.monotonic()
    with open_journal(tmp_path / "journal.db", INSTALLATION) as journal, Client(pair) as client:
        rotations = Rotations(pair, journal, client)
        rotations.does("adopt")
        done = [rotations.does("routine") for _ in range(times)]
        client.catch_up()
    print(
        f"\n{times} PostgreSQL rotations in Vault in {time.monotonic() - began:.0f} s: "
        f"{client.logins} logins of the client, {client.refused} failed"
    )
    assert client.refused == 0
    assert client.logins > 10 * times
    assert {rotation.outcome for rotation in done} == {Outcome.SUCCEEDED}
    assert {rotation.state(Step.PROVE_DEAD).record(Proof).grade for rotation in done} == {
        Death.PROVED
    }
    assert len(pair.issuer.live()) == 1
    assert pair.current_works()
