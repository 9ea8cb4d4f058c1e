"""What says that nothing was changed leaves no doubt about the old login."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rotation.machine.replay import replay
from rotation.report.describe import what_works
from tests.support.postgres import RUNNER
from tests.support.postgres_scene import (
    BOTH,
    STREAM,
    Scene,
    ask,
    check,
    held,
    in_grace,
    scene,
    strict,
)

__all__ = ["scene", "strict"]


@contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    server = scene.logins._database.server
    server.run(f"alter role {RUNNER} set default_transaction_read_only = on")
    try:
        yield
    finally:
        server.run(f"alter role {RUNNER} reset default_transaction_read_only")


@pytest.mark.parametrize("scene", BOTH, indirect=True)
def test_the_old_login_is_not_said_to_be_off(scene: Scene):
    old = in_grace(scene)
    with read_only(scene):
        assert held(scene) == ("suspend", "postgres.read-only")
    assert f"{old} works too" in what_works(replay(scene.journal.entries(STREAM)))
    ask(scene, "resume")
    check(scene, [scene.to_the_end()])
