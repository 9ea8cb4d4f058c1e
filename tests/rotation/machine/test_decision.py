"""What a rotation waits for is what its runner decided, and the journal has it from nobody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotation.execution import runner
from rotation.execution.live import Live
from rotation.journal.decided import Deciding, decided_in
from rotation.journal.entries import Draft, Entry, Identity, Kind
from rotation.journal.identity_row import AT_ONCE
from rotation.journal.upkeep import check_entries
from rotation.machine.decide import Action, Close, Do, Held, Wait, next_action
from rotation.types import Gates
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.stories import request, seeded

DECISIONS_OF_A_ROUTINE = 41
"""70 while the journal decided beside the runner. One for each transaction, wake and read."""


def opened(**world: bool) -> Story:
    story = seeded(**world)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


def row(story: Story) -> Identity:
    found = story.journal.identity(STREAM)
    assert found is not None
    return found


def asleep(story: Story) -> Wait:
    """Advanced to its first wait."""
    action = story.runner().advance(STREAM)
    assert isinstance(action, Wait)
    return action


def test_a_routine_is_decided_once_for_each_state(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[Action] = []

    def counted(*given: Any) -> Action:
        decided.append(next_action(*given))
        return decided[-1]

    monkeypatch.setattr(runner, "next_action", counted)
    story = opened()
    decided.clear()
    assert isinstance(story.drive(), Close)
    assert len(decided) <= DECISIONS_OF_A_ROUTINE


@pytest.mark.parametrize("reply", [stories.routine, stories.rollback_after("promote")])
def test_the_row_says_what_the_runner_waits_for(
    monkeypatch: pytest.MonkeyPatch, reply: Callable[[Story], Action]
) -> None:
    story, waits = seeded(exclusive=True), 0
    advance = runner.Runner.advance

    def compared(self: runner.Runner, stream: str, **given: Any) -> Action:
        nonlocal waits
        action, now = advance(self, stream, **given), row(story)
        match action:
            case Wait(until, why, waiting) if waiting:
                assert (now.wake_at, now.why, now.row) == (until, why, waiting.name)
                waits += 1
            case Held(code):
                assert (now.held, now.wake_at) == (code, None)
            case Do(doing):
                assert (now.row, now.why, now.held) == (doing.name, None, None)
            case _:
                assert now.plan is None or now.wake_at is None
        assert list(check_entries(story.journal)) == []
        return action

    monkeypatch.setattr(runner.Runner, "advance", compared)
    assert isinstance(reply(story), Close)
    assert waits > 2


# --------------------------------------------------------------------- what others append


def test_what_a_person_asks_is_due_at_once_until_a_runner_decided() -> None:
    story = opened()
    before = asleep(story)
    request(story, "hold")
    assert (row(story).wake_at, row(story).on_hold) == (AT_ONCE, True)
    assert story.runner().advance(STREAM) == Wait(None, story.rotation().paused)
    assert (row(story).wake_at, row(story).why) == (None, story.rotation().paused)
    request(story, "release")
    assert row(story).wake_at == AT_ONCE
    story.runner().advance(STREAM)
    assert row(story).wake_at == before.until


def test_what_was_typed_while_a_clock_was_ahead_is_due_when_it_is_right_again() -> None:
    story = opened()
    asleep(story)
    ahead = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": "hold"})
    story.journal.request(STREAM, ahead, "typed", story.world.now + timedelta(hours=2))
    request(story, "release")
    assert [each.stream for each in story.journal.runnable(story.world.now)] == [STREAM]


def test_a_second_look_writes_nothing() -> None:
    story = opened()
    asleep(story)
    request(story, "hold")
    story.runner().advance(STREAM)
    seq = row(story).seq
    story.runner().advance(STREAM)
    assert row(story).seq == seq


def test_what_is_waited_for_is_told_again_to_nobody_who_watches() -> None:
    from rotation.cli.progress import _said  # noqa: PLC0415

    story = opened()
    asleep(story)
    request(story, "hold")
    story.runner().advance(STREAM)
    last = story.entries()[-1]
    assert (last.kind, last.row, _said(last)) == (Kind.WAITING, None, None)


def held(story: Story) -> str:
    """What readers get was changed by somebody."""
    story.world.versions["theirs"] = story.world.versions["v0"]
    story.world.move("current", "theirs")
    action = story.drive()
    assert isinstance(action, Held)
    assert row(story).held == action.code
    return action.code


def test_what_is_held_stays_held_while_it_is_paused() -> None:
    story = opened()
    code = held(story)
    since = row(story).held_at
    for verb in ("hold", "release", "now"):
        request(story, verb)
        assert (row(story).held, row(story).held_at, row(story).wake_at) == (code, since, None)
    assert list(story.journal.runnable(story.world.now)) == []


def test_a_word_that_leads_nowhere_leaves_it_held_since_when_it_was() -> None:
    story = opened()
    code = held(story)
    since = row(story).held_at
    request(story, "foreign")  # of no instance
    assert (row(story).held, row(story).wake_at) == (None, AT_ONCE)
    assert isinstance(story.runner().advance(STREAM), Held)
    assert (row(story).held, row(story).held_at, row(story).wake_at) == (code, since, None)
    assert list(check_entries(story.journal)) == []


def test_what_waits_for_a_gate_whose_end_nobody_knows_stays_due() -> None:
    story = opened()
    frozen = Live(gates=lambda secret, now: Gates(open=False, frozen="audit"))
    action = replace(story.runner(), live=frozen).advance(STREAM)
    while isinstance(action, Wait) and action.until is not None:
        story.world.advance(action.until)
        action = replace(story.runner(), live=frozen).advance(STREAM)
    assert isinstance(action, Wait)
    assert list(story.journal.runnable(story.world.now)) == [row(story)]
    seq = row(story).seq
    replace(story.runner(), live=frozen).advance(STREAM)
    assert row(story).seq == seq


def test_who_was_told_to_stop_leaves_it_due() -> None:
    story = opened()
    replace(story.runner(), stopping=lambda: True).advance(STREAM)
    assert list(story.journal.runnable(story.world.now)) == [row(story)]


# ----------------------------------------------------------------------- what is no decision's


def test_next_is_no_fact_of_a_row() -> None:
    story = opened()
    story.drive()
    rotation = story.rotation()
    assert any(map(decided_in, rotation_entries(story)))
    assert not any(state.record(Deciding).has(Deciding.next) for state in rotation.states.values())


def rotation_entries(story: Story) -> list[Entry]:
    return list(story.journal.entries(STREAM))
