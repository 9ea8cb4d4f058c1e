"""Who goes on with an open rotation, and when."""

from rotation.machine.decide import next_action
from rotation.operations.continuation import goes_on, is_retrying, keeps_failing
from tests.support.acts import ask, opened


def test_a_live_runner_goes_on_by_itself_and_else_a_command_does() -> None:
    story = opened()
    alone = goes_on(story.rotation(), None, story.world.now)
    assert alone is not None
    assert (alone.command, alone.at) == ("rotation run", None)
    served = goes_on(story.rotation(), "serve-1", story.world.now)
    assert served is not None
    assert (served.who, served.command) == ("serve-1", None)


def test_a_wait_is_told_with_its_end() -> None:
    story = opened(until="deliver")
    waits = goes_on(story.rotation(), None, story.world.now)
    assert waits is not None
    assert waits.at is None or waits.at > story.world.now
    action = next_action(story.rotation(), story.world.now)
    assert not is_retrying(story.rotation(), action)
    assert not keeps_failing(story.rotation(), action)


def test_what_is_paused_says_its_own_way_out() -> None:
    story = opened()
    ask(story, "hold", reason="ask Kim")
    assert goes_on(story.rotation(), None, story.world.now) is None
