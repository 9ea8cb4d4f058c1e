"""What leaked is off before anything else is done."""

from rotation.errors import Transient
from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.operations.containment import contain, is_contained, still_given
from rotation.operations.survey import survey
from rotation.operations.target import target_of
from tests.support.shell import STREAM, Shell, at_work
from tests.support.simulator import bound


def test_it_is_off_and_readers_still_get_it_until_there_is_another(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        target = target_of(here, here.journal, ["app"], None)
        found = survey(here.journal, bound(shell.world), STREAM, target.spec)
        said = Opened(scope=found.ours, reason="leaked")
        runner = here.runner
        runner.open_emergency(STREAM, target.spec, found.baseline, who="kim", said=said)
        assert not is_contained(replay(here.journal.entries(STREAM)))
        rotation = contain(here, target, lambda wait: None)
        assert is_contained(rotation)
        assert not shell.world.instances["KEY1"].active
        assert still_given(here, target, found)
        shell.world.move("current", None)
        assert not still_given(here, target, found)


def test_a_store_that_does_not_answer_is_no_comfort(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        target = target_of(here, here.journal, ["app"], None)
        found = survey(here.journal, bound(shell.world), STREAM, target.spec)

        def away(number: int, name: str) -> None:
            raise Transient("x.away", "no answer")

        shell.world.before = away
        assert still_given(here, target, found)
