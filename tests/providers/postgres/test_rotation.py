"""Whole rotations: the product's machine, a journal on disk, a real server and a strict store, while
an application logs in again and again with what it read."""

import threading
import time
from dataclasses import dataclass, field
from typing import Self

import psycopg
import pytest

from rotation.journal.facts import Opened
from rotation.machine.decide import Wait
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.operations.survey import survey
from rotation.plan import PLANS
from rotation.report.describe import what_works
from tests.matrix.aws import SecretsManager
from tests.matrix.postgres import OneInPlace, _Logins
from tests.support.postgres_scene import BOTH, STREAM, Scene, check, scene, strict

__all__ = ["scene", "strict"]

REFRESH_S = 0.2


@dataclass
class Application:
    """Logs in all the time with what it holds, and reads the store every now and then; in place it
    reads at once where its password is refused, as it must."""

    logins: _Logins
    store: SecretsManager
    reads_on_refusal: bool = False
    tried: int = 0
    refused: list[str] = field(default_factory=list)
    longest_gap_s: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _work(self) -> None:
        server = self.logins._database.server
        next_read, worked = 0.0, time.monotonic()
        while not self._ended.is_set():
            now = time.monotonic()
            if now >= next_read:
                holds, next_read = self.store.read(), now + REFRESH_S
            self.tried += 1
            try:
                server.connect(holds["username"], holds["password"]).close()
            except psycopg.OperationalError as error:
                self.refused.append(str(error))
                next_read = 0.0 if self.reads_on_refusal else next_read
            else:
                worked, gap = time.monotonic(), time.monotonic() - worked
                self.longest_gap_s = max(self.longest_gap_s, gap)


def rotated(scene: Scene, times: int) -> list[Rotation]:
    scene.does("adopt")
    return [scene.does("routine") for _ in range(times)]


@pytest.mark.story
@pytest.mark.parametrize("scene", BOTH, indirect=True)
def test_no_login_fails_while_it_is_rotated(scene: Scene):
    with Application(scene.logins, scene.store) as application:
        rotations = rotated(scene, 2)
    check(scene, rotations)
    assert application.refused == []
    assert application.tried > 20 * len(rotations)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scene", BOTH, indirect=True)
def test_no_login_fails_in_a_hundred_rotations(scene: Scene):
    with Application(scene.logins, scene.store) as application:
        rotations = rotated(scene, 50)
        scene.skip_a_day()
        rotations += [scene.does("routine") for _ in range(50)]
    check(scene, rotations)
    assert application.refused == []
    assert application.tried > 20 * len(rotations)


@pytest.mark.parametrize("scene", [pytest.param(OneInPlace, id="in-place")], indirect=True)
def test_in_place_an_application_that_reads_again_is_back_at_once(scene: Scene):
    with Application(scene.logins, scene.store, reads_on_refusal=True) as application:
        rotations = rotated(scene, 2)
    check(scene, rotations)
    assert application.longest_gap_s < 5


@pytest.mark.parametrize("scene", BOTH, indirect=True)
def test_a_session_that_stays_keeps_the_old_login_alive(scene: Scene):
    """The rotation waits for it; it is never thrown out."""
    scene.does("adopt")
    held = scene.store.read()
    server = scene.logins._database.server
    with server.connect(held["username"], held["password"]) as session:
        scene.runner.open(STREAM, PLANS["routine"], scene.spec, trigger="test")
        end = time.monotonic() + 8
        while time.monotonic() < end:
            action = scene.runner.advance(STREAM)
            assert isinstance(action, Wait)
            if "open session" in action.why:
                break
            time.sleep(0.2)
        assert "1 open session of" in action.why
        rotation = replay(scene.journal.entries(STREAM))
        assert f"{rotation.old} works too" in what_works(rotation)
        assert session.execute("select 1").fetchone() == (1,)
        assert scene.logins.lets_in(held)


@pytest.mark.parametrize("scene", [BOTH[0]], indirect=True)
def test_a_server_that_restarts_all_the_time_only_delays(scene: Scene):
    """PG-5: each call stands alone, and what was not answered is asked again."""
    scene.does("adopt")
    over = threading.Event()

    def restart() -> None:
        while not over.wait(1.5):
            scene.logins._database.server.restart()

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        rotation = scene.does("routine")
    finally:
        over.set()
        restarting.join(60)
    check(scene, [rotation])


def declared_leaked(scene: Scene) -> None:
    seen = survey(scene.journal, scene.runner.bind(scene.spec), STREAM, scene.spec)
    said = Opened(scope=list(seen.ours), reason="leaked")
    scene.runner.open_emergency(STREAM, scene.spec, seen.baseline, who="on-call", said=said)
    assert scene.to_the_end().outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("scene", BOTH, indirect=True)
def test_an_emergency_throws_out_whoever_is_logged_in(scene: Scene):
    scene.does("adopt")
    leaked = scene.store.read()
    server = scene.logins._database.server
    with server.connect(leaked["username"], leaked["password"]) as thief:
        declared_leaked(scene)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("select 1")
    assert not scene.logins.lets_in(leaked)
    assert scene.logins.lets_in(scene.store.read())
    assert len(scene.logins.live()) == 1


@pytest.mark.parametrize("scene", [pytest.param(OneInPlace, id="in-place")], indirect=True)
def test_in_place_too(scene: Scene):
    """There is no moment in which it is off, so sessions end once the new password is there."""
    scene.does("adopt")
    leaked, user = scene.store.read(), scene.logins.options.user
    server = scene.logins._database.server
    with server.connect(user, leaked["password"]) as thief:
        declared_leaked(scene)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("select 1")
    with server.connect(user, scene.store.read()["password"]) as application:
        assert application.execute("select 1").fetchone() == (1,)
