"""A role that a person renames is not there by the name that we know, whatever is asked next."""

from collections.abc import Callable

import pytest

from providers.postgres.login import LoginIssuer
from rotation.errors import RotationError
from rotation.machine.replay import Outcome, replay
from rotation.report.describe import what_works
from rotation.types import Credential, KeyState
from tests.support.postgres import ATTEMPTS, Bench, Database
from tests.support.postgres_scene import (
    BOTH,
    STREAM,
    Scene,
    ask,
    check,
    held,
    in_grace,
    run,
    scene,
    strict,
)

__all__ = ["scene", "strict"]

OPERATIONS: dict[str, Callable[[LoginIssuer, Credential], object]] = {
    "issue": lambda issuer, _: issuer.issue(ATTEMPTS[2]),
    "suspend": lambda issuer, old: issuer.suspend(old.handle.id),
    "resume": lambda issuer, old: issuer.resume(old.handle.id),
    "destroy": lambda issuer, old: issuer.destroy(old.handle.id),
    "activate": lambda issuer, old: issuer.activate(old),
}
MODES: dict[str, Callable[[str], dict[str, object]]] = {
    "unique": lambda name: {"group": name},
    "pair": lambda name: {"pair": (f"{name}_a", f"{name}_b")},
    "in-place": lambda name: {"user": name, "in_place": True},
}


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("mode", MODES)
def test_no_call_is_refused_for_what_nobody_understands(
    database: Database, fresh: str, mode: str, which: int
):
    bench = Bench(database, database.issuer(**MODES[mode](fresh)))
    made = []
    for attempt in ATTEMPTS[: 1 if mode == "in-place" else 2]:
        made.append(bench.issuer.issue(attempt))
        bench.issuer.activate(made[-1])
    of = made[which]
    role = of.handle.id.partition("#")[0]
    database.server.run(f'alter role "{role}" rename to "{role[:40]}_renamed"')
    codes = {
        operation: _refusal(lambda does=does: does(bench.issuer, of))
        for operation, does in OPERATIONS.items()
    }
    assert "postgres.refused" not in codes.values()


def _refusal(act: Callable[[], object]) -> str | None:
    try:
        act()
    except RotationError as error:
        return error.code
    return None


@pytest.mark.parametrize("scene", BOTH[:1], indirect=True)
def test_the_old_login_renamed_is_told_and_goes_on_by_its_own_name(scene: Scene):
    old = in_grace(scene)
    run(scene, f'alter role "{old}" rename to orders_renamed')
    assert held(scene) == ("suspend", "held.instance-missing")
    rotation = replay(scene.journal.entries(STREAM))
    assert "works too" not in what_works(rotation)
    codes = scene.journal.entries(STREAM)[-2].facts
    assert codes["message"] == (
        f"somebody renamed {old}: it is orders_renamed now, and nobody logs in as {old}"
    )
    back = f'ALTER ROLE "orders_renamed" RENAME TO "{old}"'
    assert back in str(codes["hint"])
    run(scene, back)
    ask(scene, "resume")
    check(scene, [scene.to_the_end()])


@pytest.mark.parametrize("scene", BOTH[:1], indirect=True)
def test_the_new_name_may_stay_for_somebody_else(scene: Scene):
    old = in_grace(scene)
    run(scene, f'alter role "{old}" rename to orders_kept')
    held(scene)
    ask(scene, "accept-current")
    assert scene.to_the_end().outcome == Outcome.ACCEPTED
    assert scene.does("routine").outcome == Outcome.SUCCEEDED
    live = scene.logins._bench.live()
    assert live.pop("orders_kept") is KeyState.ACTIVE
    assert len(live) == 1


@pytest.mark.parametrize("scene", BOTH[:1], indirect=True)
def test_the_new_login_renamed_is_told_too(scene: Scene):
    in_grace(scene)
    new = replay(scene.journal.entries(STREAM)).new
    run(scene, f'alter role "{new}" rename to orders_of_ann')
    assert held(scene) == ("verify-live", "held.instance-missing")
    rotation = replay(scene.journal.entries(STREAM))
    assert f"readers get {new}, which is gone" in what_works(rotation)
    run(scene, f'alter role orders_of_ann rename to "{new}"')
    ask(scene, "resume")
    check(scene, [scene.to_the_end()])
