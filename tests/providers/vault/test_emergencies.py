"""Emergencies of an AppRole, one after the other, while its consumers try what they have as fast as
they can and answers are lost, late or refused: each ends contained and replaced, nobody decides."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from providers.vault import errors
from providers.vault.clients import VaultConnection
from providers.vault.testing.server import Refused
from rotation.errors import RotationError
from rotation.machine.decide import Close
from rotation.machine.replay import Outcome
from rotation.testing import CallFault
from tests.support.approle_rotations import Installed, installed, kv, role
from tests.support.approle_rotations import specification as specified

__all__ = ["kv", "role"]

LATE_S = 0.4
TROUBLES = (CallFault.LOST, CallFault.BROKEN, CallFault.UNREACHABLE, CallFault.THROTTLED, "late")


@contextmanager
def troubled(connection: VaultConnection, nth: int, kind: str) -> Iterator[list[str]]:
    """At the nth call, whichever it is. Yields the calls."""
    send, calls = connection._wire.send, []

    def send_or_not(method: str, path: str, **request):
        calls.append(call := f"{method} {path}")
        repeatable = request.get("repeatable", True)
        if len(calls) != nth:
            return send(method, path, **request)
        match kind:
            case CallFault.LOST:
                with suppress(RotationError):
                    send(method, path, **request)
                raise errors.no_answer(call, repeatable=repeatable)
            case CallFault.BROKEN:
                raise errors.refused(500, "500", call, repeatable=repeatable)
            case CallFault.UNREACHABLE:
                raise errors.unreachable(call)
            case CallFault.THROTTLED:
                raise errors.refused(429, "429", call, repeatable=repeatable)
            case _:
                answer = send(method, path, **request)
                time.sleep(LATE_S)
                return answer

    connection._wire.send = send_or_not
    try:
        yield calls
    finally:
        connection._wire.send = send


@contextmanager
def consumers_try_on(secret: Installed) -> Iterator[None]:
    """Dead or not: they read what is stored and log in with it, without a pause."""
    over, application = threading.Event(), secret.application

    def use() -> None:
        while not over.wait(0.01):
            with suppress(Refused):
                application.read()
            with suppress(Refused):
                application.log_in()

    consumers = [threading.Thread(target=use) for _ in range(2)]
    for each in consumers:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in consumers:
            each.join()


@pytest.mark.parametrize(
    "emergencies", [pytest.param(5, id="5"), pytest.param(200, id="200", marks=[pytest.mark.slow])]
)
@pytest.mark.timeout(3600)
def test_each_ends_contained_and_replaced(role, kv, connection, emergencies):
    """On a mount as the stack declares it: refused logins lock nobody out."""
    never = {"user_lockout_config": {"lockout_disable": True}}
    role.vault.api("POST", f"sys/auth/{role.mount}/tune", never)
    secret, calls = installed(role, kv, connection, specified()), 40
    with consumers_try_on(secret):
        for run in range(emergencies):
            kind, nth = TROUBLES[run % len(TROUBLES)], run * 7 % calls + 1
            with troubled(connection, nth, kind) as made:
                secret.emergency()
                action = secret.drive()
            at = (run, kind, made[nth - 1] if nth <= len(made) else "")
            assert isinstance(action, Close), (at, action)
            assert action.outcome is Outcome.SUCCEEDED, at
            assert len(role.accessors()) == 1, at
            calls = len(made)
    secret.application.read()
    assert role.accepts(secret.application.holds)
