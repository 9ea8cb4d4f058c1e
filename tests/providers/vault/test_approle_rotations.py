"""Whole rotations of AppRole secret ids kept in KV version 2, on a real Vault whose lockout is as
it comes: nobody is locked out, nobody is refused, nothing is left behind."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from providers.vault.wire import Answer, Wire
from rotation.journal.entries import Kind
from rotation.machine.decide import Action, Close, Held, Wait
from rotation.machine.replay import Outcome, replay
from rotation.testing import CallFault
from rotation.types import Fields, Verdict
from tests.support.approle import PLENTY, inject_fault
from tests.support.approle_rotations import (
    STREAM,
    Application,
    Installed,
    installed,
    kv,
    role,
    specification,
)
from tests.support.world import Killed

__all__ = ["kv", "role"]


@pytest.mark.parametrize(
    "rotations",
    [
        pytest.param(3, id="3", marks=[pytest.mark.story]),
        pytest.param(100, id="100", marks=[pytest.mark.slow]),
    ],
)
@pytest.mark.parametrize("origin", ["assigned", "chosen"])
@pytest.mark.timeout(600)
def test_nobody_is_locked_out_and_nothing_is_left(role, kv, connection, origin, rotations):
    """The application logs in only when a rotation is over: between, nobody sets Vault's count of
    refused logins back but we ourselves."""
    spec = specification()
    secret = installed(role, kv, connection, spec, origin=origin)
    secret.application.log_in()
    tokens, locked = role.tokens(), 0
    for _ in range(rotations):
        action = secret.rotate()
        assert isinstance(action, Close), action
        assert action.outcome is Outcome.SUCCEEDED
        locked += role.locked()
        secret.application.read()
        secret.application.log_in()
    left = role.tokens() - tokens - rotations  # each login of the application keeps its token
    print(
        f"\n{rotations} rotations ({origin}): {locked} locked roles, "
        f"{secret.application.refused} refused logins of the consumer, {left} tokens left by us, "
        f"{len(role.accessors())} secret id alive"
    )
    assert (locked, secret.application.refused, left) == (0, 0, 0)
    assert len(role.accessors()) == 1
    written = role.vault.audit.read_text() + str(secret.journal.entries(STREAM))
    assert secret.application.holds.secret["secret_id"].reveal() not in written


def test_a_straggler_is_seen_and_named_before_its_secret_id_is_destroyed(role, kv, connection):
    secret = installed(role, kv, connection, specification(uses=PLENTY, quiet_s=2), uses=PLENTY)
    secret.clock.patient = True
    assert isinstance(rotated_by_its_consumer(secret), Close)
    old = replay(secret.journal.entries(STREAM)).result.handle
    straggler = Application(role, secret.application.path)
    straggler.read()

    def everybody() -> None:
        secret.application.read()
        secret.application.log_in()
        straggler.log_in()

    secret.open("routine")
    action = secret.drive(every=everybody)
    assert isinstance(action, Held)
    assert action.code == "held.straggler"
    assert old in reply(secret)
    assert straggler.refused == 0
    assert old in role.accessors()
    straggler.read()
    secret.clock.skip_to(secret.clock.now() + timedelta(seconds=2))
    secret.ask("resume")
    assert isinstance(secret.drive(every=everybody), Close)
    assert old not in role.accessors()
    assert (secret.application.refused, straggler.refused) == (0, 0)


def rotated_by_its_consumer(secret: Installed) -> Action:
    """The consumer logs in with what it reads, whenever the rotation waits."""

    def use() -> None:
        secret.application.read()
        secret.application.log_in()

    secret.open("routine")
    return secret.drive(every=use)


@pytest.mark.parametrize("token_type", ["service", "batch"])
def test_an_emergency_ends_tokens_too_and_gives_readers_a_new_secret_id(
    role, kv, connection, token_type
):
    """Batch tokens end by themselves, and the role is off until then."""
    role.set(token_type=token_type, token_ttl="30s")
    secret = installed(role, kv, connection, specification())
    stolen = secret.application.holds
    token = role.login(stolen)
    secret.emergency()
    if token_type == "batch":
        action = secret.runner().advance(STREAM)
        assert isinstance(action, Wait)
        assert action.until - secret.clock.now() > timedelta(seconds=25)
    else:
        action = secret.drive()
    assert not role.lives(token)
    assert not role.accepts(stolen)
    action = secret.drive()
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.SUCCEEDED
    assert not role.accepts(stolen)
    secret.application.read()
    secret.application.log_in()
    assert secret.application.refused == 0
    assert role.locked() == 0


def test_an_emergency_waits_for_a_lock_that_consumers_made_and_is_not_held(role, kv, connection):
    """They try the dead secret id until they have its successor, and Vault counts."""
    secret = installed(role, kv, connection, specification())
    secret.emergency()
    locks: list[int] = []
    log_in = secret.bound.probe.login

    def after_five_tries(fields: Fields) -> Verdict:
        for _ in range(0 if locks else 5):
            secret.application.log_in()
        return log_in(fields)

    def the_lock_ends() -> None:
        locks.append(role.locked())
        role.unlock()

    with patch.object(secret.bound.probe, "login", after_five_tries):
        action = secret.drive(every=the_lock_ends)
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.SUCCEEDED
    assert locks[0] == 1
    secret.application.read()
    assert role.accepts(secret.application.holds)


def test_a_runner_that_died_at_the_mint_removes_what_it_made_by_its_label(role, kv, connection):
    """Nothing is Held, and nobody needs to say whose it is."""
    secret = installed(role, kv, connection, specification())
    secret.open("routine")
    with inject_fault(connection, f"{role.path}/secret-id$", CallFault.LOST, only="POST"):
        secret.runner().advance(STREAM)
    assert len(role.accessors()) == 2
    action = secret.drive()
    assert isinstance(action, Close), action
    assert len(role.accessors()) == 1
    secret.application.read()
    secret.application.log_in()
    assert secret.application.refused == 0


def test_who_comes_back_while_a_person_is_waited_for_holds_the_destruction(role, kv, connection):
    """The old one was quiet once, but not any more when somebody lets it go."""
    secret = installed(role, kv, connection, specification(uses=PLENTY, quiet_s=2), uses=PLENTY)
    secret.clock.patient = True
    assert isinstance(rotated_by_its_consumer(secret), Close)
    straggler = Application(role, secret.application.path)
    straggler.read()
    secret.spec = replace(secret.spec, destroy_by_hand=True)
    assert rotated_by_its_consumer(secret).code == "held.destroy-by-hand"
    old = replay(secret.journal.entries(STREAM)).old
    straggler.log_in()
    secret.ask("resume", destroy=True)
    assert secret.drive().code == "held.straggler"
    assert old in reply(secret)
    assert old in role.accessors()
    straggler.read()
    secret.clock.skip_to(secret.clock.now() + timedelta(seconds=2))
    secret.ask("resume")
    assert isinstance(secret.drive(), Close)
    assert old not in role.accessors()
    assert straggler.refused == 0


def reply(secret: Installed) -> str:
    """What a person is shown of the latest failure."""
    return next(
        str(entry.facts)
        for entry in reversed(secret.journal.entries(STREAM))
        if entry.kind is Kind.FAILED
    )


@dataclass
class Deadly:
    """A wire that kills the runner at one of its requests: before it, or behind its answer. The
    dead send nothing more."""

    wire: Wire
    at: int = -1
    sent: int = 0
    dead: bool = False

    def send(self, method: str, path: str, **request: Any) -> Answer:
        if self.dead:
            raise Killed
        self._cross()
        answer = self.wire.send(method, path, **request)
        self._cross()
        return answer

    def close(self) -> None:
        self.wire.close()

    def _cross(self) -> None:
        self.sent += 1
        if self.sent == self.at:
            self.dead = True
            raise Killed


def survived(secret: Installed, deadly: Deadly, at: int) -> None:
    """One rotation, whose runner is killed there and followed by another one."""
    secret.open("routine")
    deadly.at, deadly.sent = at, 0
    with suppress(Killed):
        secret.drive()
    deadly.dead = False
    secret.drive()


@pytest.mark.parametrize(
    "stride",
    [pytest.param(9, id="every ninth"), pytest.param(1, id="every", marks=[pytest.mark.slow])],
)
@pytest.mark.parametrize("origin", ["assigned", "chosen"])
@pytest.mark.timeout(600)
def test_killed_at_every_request_nobody_is_refused_and_nothing_is_unaccounted_for(
    role, kv, connection, origin, stride
):
    secret = installed(role, kv, connection, specification(), origin=origin)
    secret.clock.patient = stride == 1  # so many waits would be more than clocks may differ
    deadly = connection._wire = Deadly(connection._wire)
    survived(secret, deadly, -1)
    boundaries = deadly.sent
    for at in range(1, boundaries, stride):
        survived(secret, deadly, at)
        secret.application.read()
        secret.application.log_in()
        assert replay(secret.journal.entries(STREAM)).outcome == Outcome.SUCCEEDED, at
        assert len(role.accessors()) == 1, at
        assert (role.locked(), secret.application.refused) == (0, 0), at
    print(f"\n{origin}: killed at {len(range(1, boundaries, stride))} of {boundaries} boundaries")


def test_the_way_back_leaves_the_old_one_and_locks_nobody(role, kv, connection):
    secret = installed(role, kv, connection, replace(specification(), destroy_by_hand=True))
    before, accessors = secret.application.holds, role.accessors()
    assert secret.rotate().code == "held.destroy-by-hand"
    secret.application.read()
    promoted = secret.application.holds
    secret.ask("rollback")
    action = secret.drive()
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.ROLLED_BACK
    assert role.accessors() == accessors
    assert role.accepts(before)
    assert not role.accepts(promoted)
    assert role.locked() == 0
