"""No plan is left out where runners are killed, or where the journals of this version are kept."""

from collections.abc import Iterator

from rotation.journal.entries import SCHEMA, Kind
from rotation.plan import PLANS
from tests.corpus.replay import entry, kept, lines_of
from tests.support import emergencies, replacing, stories
from tests.support.crash import STREAM, Story


def reply() -> Iterator[Story]:
    """Every story in which the tests beside this one kill the runner."""
    for tell, world in stories.STORIES.values():
        tell(story := stories.seeded(**world))
        yield story
    for tell, _, world in emergencies.STORIES.values():
        tell(story := stories.seeded(**world))
        yield story
    for accident, world in replacing.ACCIDENTS.values():
        replacing.replaced(story := stories.seeded(**world), accident)
        yield story


def test_every_plan_has_a_story_in_which_the_runner_is_killed() -> None:
    missing = set(PLANS)
    for story in reply():
        missing -= {
            entry.facts["plan"]
            for entry in story.journal.history(STREAM)
            if entry.kind is Kind.OPENED
        }
        if not missing:
            return
    assert not missing, "tell it in tests/support/stories.py"


def test_every_plan_is_in_a_journal_of_the_corpus() -> None:
    found = {
        read.facts["plan"]
        for name in kept()
        if name.startswith(f"{SCHEMA}-")
        for read in map(entry, lines_of(name))
        if read.kind is Kind.OPENED
    }
    missing = set(PLANS) - found
    assert not missing, "name its story in tests/corpus/record.py and run it"
