"""What a folded rotation says of itself."""

from rotation.machine.rotation import Mode
from rotation.plan import Step
from tests.support.acts import ask, opened


def test_the_way_back_has_only_what_was_intended() -> None:
    story = opened(until="issue")
    ask(story, "rollback")
    rotation = story.rotation()
    assert rotation.mode is Mode.UNDO
    steps = {row.step for row in rotation.active_rows}
    assert Step.DESTROY_NEW in steps
    assert Step.RESUME_OLD not in steps


def test_a_consumer_that_was_given_nothing_is_not_given_the_old_one() -> None:
    story = opened(until="promote")
    rotation = story.rotation()
    rotation.mode = Mode.UNDO
    given = [row for row in rotation.active_rows if row.step is Step.DELIVER_OLD]
    delivered = rotation.state(Step.DELIVER, "consumer:batch")
    assert bool(given) is (delivered.happened or delivered.in_doubt)


def test_a_row_that_it_does_not_have_has_an_empty_state() -> None:
    state = opened().rotation().state(Step.FIND_DEAD)
    assert (state.done, state.intended, state.facts) == (False, False, {})


def test_who_paused_it_and_why() -> None:
    story = opened()
    ask(story, "hold", reason="ask Kim")
    assert story.rotation().paused == "paused by tester: ask Kim"
