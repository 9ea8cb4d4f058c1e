"""Each layout, made by hand on a real Vault and found again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from providers.vault.clients import VaultConnection
from providers.vault.doctor import LAYOUTS, diagnose
from rotation.interfaces import Diagnosis, LabelSnapshot
from rotation.types import COMPROMISED, CURRENT, PENDING, PREVIOUS
from tests.support.vault_kv import THIRD, Bench, bench, credential, promoted

__all__ = ["bench"]
INSTALLATION = Bench.installation


@dataclass
class Scene:
    bench: Bench
    connect: Callable[..., VaultConnection]
    open_version: str | None = None
    logs_in: dict[str, bool] = field(default_factory=dict)

    def label(self, name: str) -> str:
        return self.bench.store.state().labels[name]

    def found(self) -> str:
        return self.diagnosed().name

    def diagnosed(self) -> Diagnosis:
        look = LabelSnapshot(
            state=self.bench.store.state(),
            installation=INSTALLATION,
            open_version=self.open_version,
            logs_in=self.logs_in,
        )
        return diagnose(look)


@pytest.fixture
def scene(bench: Bench, connect) -> Scene:
    return Scene(bench, connect)


def stage(scene: Scene, attempt: str = THIRD) -> str:
    return scene.bench.store.stage(attempt, credential(3), onto=None)


def tidy(scene: Scene) -> None:
    _, new = promoted(scene.bench)
    scene.bench.store.unlabel(new, PENDING, under="promote")


def healthy(scene: Scene) -> None:
    tidy(scene)


def empty(scene: Scene) -> None:
    scene.bench.store.claim(INSTALLATION)


def unsafe(scene: Scene) -> None:
    tidy(scene)
    scene.bench.vault.api("DELETE", f"{scene.bench.mount}/data/{scene.bench.path}")


def unguarded(scene: Scene) -> None:
    tidy(scene)
    scene.bench.vault.api("POST", f"{scene.bench.mount}/config", {"cas_required": False})


def restricted(scene: Scene) -> None:
    tidy(scene)
    vault, mount = scene.bench.vault, scene.bench.mount
    vault.policy(mount, {f"{mount}/metadata/*": ["read"], f"{mount}/config": ["read"],
                         f"{scene.bench.staging}/metadata/*": ["list", "read"]})  # fmt: skip
    token = vault.token(mount, no_default_policy=False)
    scene.bench.store._connection = scene.connect(given=token)


def compromised_current(scene: Scene) -> None:
    tidy(scene)
    scene.bench.store.mark_compromised(scene.label(CURRENT))


def leftover_pending(scene: Scene) -> None:
    promoted(scene.bench)


def in_progress(scene: Scene) -> None:
    tidy(scene)
    scene.open_version = stage(scene)


def abandoned_pending(scene: Scene) -> None:
    tidy(scene)
    stage(scene)
    scene.logs_in[scene.label(CURRENT)] = True


def undecided_pending(scene: Scene) -> None:
    tidy(scene)
    stage(scene)


def foreign_pending(scene: Scene) -> None:
    tidy(scene)
    stage(scene, "planted")


def unrecorded_current(scene: Scene) -> None:
    tidy(scene)
    scene.open_version = stage(scene)
    scene.bench.edit(scene.bench.given(credential(3)))


def half_promoted(scene: Scene) -> None:
    in_progress(scene)
    scene.logs_in = {scene.label(CURRENT): False, scene.label(PENDING): True}


def unknown_half_promoted(scene: Scene) -> None:
    half_promoted(scene)
    scene.open_version = None


def bad_promotion(scene: Scene) -> None:
    promoted(scene.bench)
    scene.logs_in = {scene.label(CURRENT): False, scene.label(PREVIOUS): True}


def dead_current(scene: Scene) -> None:
    promoted(scene.bench)
    scene.logs_in = {scene.label(CURRENT): False}


def lost(scene: Scene) -> None:
    promoted(scene.bench)
    scene.logs_in = {scene.label(CURRENT): False, scene.label(PREVIOUS): False}


MADE = {
    name.replace("_", "-"): make
    for name, make in globals().copy().items()
    if name.replace("_", "-") in LAYOUTS
}


def test_every_layout_is_made_here():
    assert MADE.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_known(scene: Scene, name: str):
    MADE[name](scene)
    assert scene.found() == name


def test_a_compromised_value_is_not_what_to_go_back_to(scene: Scene):
    bad_promotion(scene)
    scene.bench.store.mark_compromised(scene.label(PREVIOUS))
    assert COMPROMISED in scene.bench.store.state().labels
    assert scene.found() != "bad-promotion"


def test_what_a_plan_repairs_promotes_nothing():
    by_plan: Mapping[str, str] = {
        name: layout.repair for name, layout in LAYOUTS.items() if layout.by_plan
    }
    assert by_plan.keys() == {"leftover-pending", "abandoned-pending"}
    assert all(repair.startswith("delete the staged") for repair in by_plan.values())


def test_what_our_tokens_may_not_do_is_named(scene: Scene):
    restricted(scene)
    reply = scene.diagnosed().meaning
    assert f"mint: create on {scene.bench.staging}/data/{scene.bench.stream}/+" in reply
    assert reply.endswith("more")


def test_a_runner_that_may_not_claim_is_as_it_should_be(scene: Scene):
    tidy(scene)
    vault, mount, staging = scene.bench.vault, scene.bench.mount, scene.bench.staging
    every = ["create", "read", "update", "patch", "delete", "list"]
    rules = {f"{mount}/*": every, f"{mount}/metadata/*": every[1:], f"{staging}/*": every}
    vault.policy(mount, rules)
    token = vault.token(mount, no_default_policy=False)
    scene.bench.store._connection = scene.connect(given=token)
    assert scene.found() == "healthy"


def test_a_token_that_may_not_ask_about_itself_is_not_accused(scene: Scene):
    restricted(scene)
    vault, mount = scene.bench.vault, scene.bench.mount
    scene.bench.store._connection = scene.connect(given=vault.token(mount, "root-like"))
    vault.policy("root-like", {"auth/token/lookup-self": ["read"]})
    assert scene.found() == "healthy"
