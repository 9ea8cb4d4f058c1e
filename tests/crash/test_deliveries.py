"""A delivery that cannot be: told before anything is minted, and never undone where it never was."""

from collections.abc import Callable

import pytest

from rotation.errors import Ambiguous, Permanent, Refused, RotationError
from rotation.machine.decide import Close, Wait
from rotation.machine.rotation import Mode, Outcome
from tests.support import simulator, stories
from tests.support.acts import ask
from tests.support.crash import STREAM, Story
from tests.support.simulator import PushedConsumer
from tests.support.stories import seeded

GIVE = PushedConsumer.deliver


def refused() -> RotationError:
    return Refused("consumer.mounted", "it cannot be replaced", void=True)


@pytest.fixture
def story() -> Story:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


def rehearsing(monkeypatch: pytest.MonkeyPatch, rehearse: Callable[[object], None]) -> None:
    own = type("Rehearsing", (PushedConsumer,), {"rehearse": rehearse})
    monkeypatch.setattr(simulator, "PushedConsumer", own)


def test_what_would_stop_it_is_told_before_anything_is_minted(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rehearse(_: object) -> None:
        raise refused()

    rehearsing(monkeypatch, rehearse)
    assert story.drive() == Close(Outcome.ROLLED_BACK)
    assert story.world.minted == 1
    assert story.violations() == []


def test_it_is_rehearsed_again_before_readers_move(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rehearse(_: object) -> None:
        if "verify" in {entry.row.step for entry in story.entries() if entry.row}:
            raise refused()

    rehearsing(monkeypatch, rehearse)
    assert story.drive() == Close(Outcome.ROLLED_BACK)
    assert story.world.calls.count("store.promote") == 0
    assert story.violations() == []


def deliveries(monkeypatch: pytest.MonkeyPatch, *, fail: Callable[[PushedConsumer], None]) -> None:
    def deliver(self: PushedConsumer, version: str, fields: object) -> None:
        fail(self)
        GIVE(self, version, fields)  # type: ignore[arg-type]

    monkeypatch.setattr(PushedConsumer, "deliver", deliver)


def until_it_waits(story: Story) -> None:
    stories.advance_until(story, "promote")
    action = story.runner().advance(STREAM)
    assert isinstance(action, Wait), action


def test_what_was_never_delivered_is_not_delivered_back(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: PushedConsumer) -> None:
        raise refused()

    deliveries(monkeypatch, fail=fail)
    until_it_waits(story)
    ask(story, "rollback")
    assert story.drive() == Close(Outcome.ROLLED_BACK)
    assert list(story.world.instances) == ["KEY1"]
    assert story.violations() == []


@pytest.mark.parametrize("reached", [True, False])
def test_what_may_have_been_delivered_is_delivered_back(
    story: Story, monkeypatch: pytest.MonkeyPatch, *, reached: bool
) -> None:
    """A lost answer, or a runner that died after it; what is refused later takes nothing back."""
    tries: list[str] = []

    def fail(it: PushedConsumer) -> None:
        tries.append(story.rotation().mode)
        if len(tries) == 1:
            if reached:
                it.consumer.holds = story.world.versions[story.world.labels["current"]]
            raise Ambiguous("consumer.not-durable", "it may be there")
        if story.rotation().mode is Mode.FORWARD:
            raise refused()

    deliveries(monkeypatch, fail=fail)
    until_it_waits(story)
    story.world.advance(story.world.now + story.outage * 2)
    assert isinstance(story.runner().advance(STREAM), Wait)
    assert tries[1:]
    ask(story, "rollback")
    assert story.drive() == Close(Outcome.ROLLED_BACK)
    assert tries[-1] is Mode.UNDO
    assert story.violations() == []


def test_a_mint_that_is_refused_is_not_asked_for_again(story: Story) -> None:
    def act(_: int, name: str) -> None:
        if name == "before issuer.issue":
            raise Permanent("sim.refused", "no")

    story.boundaries.act = act
    assert story.drive() == Close(Outcome.ROLLED_BACK)
    assert story.world.calls.count("issuer.issue") == 1
    story.boundaries.act = None
    assert story.violations() == []
