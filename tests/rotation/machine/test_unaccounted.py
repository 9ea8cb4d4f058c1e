"""What a look found, until somebody accounts for it."""

from datetime import timedelta

from rotation.journal.entries import INSTALLATION, Draft, Kind
from rotation.journal.installation_facts import Looked
from rotation.machine.unaccounted import Seen, seen_of, unaccounted, with_look
from tests.support.acts import opened
from tests.support.crash import Story


def look(story: Story, *instances: str, off: tuple[str, ...] = ()) -> Seen:
    return Seen(instances, off, story.world.now)


def test_the_latest_look_at_a_stream_counts() -> None:
    story = opened()
    for found in (["KEY1"], ["KEY9", "KEY1"]):
        draft = Draft(kind=Kind.SEEN, facts=Looked(stream="s", instances=found).facts)
        story.journal.record(draft, "runner", story.world.now)
    seen = seen_of(story.journal.history(INSTALLATION))
    assert seen["s"].instances == ("KEY9", "KEY1")


def test_what_the_rotation_knows_is_accounted_for() -> None:
    story = opened(until="issue")
    assert unaccounted(story.rotation(), look(story, "KEY1", "KEY2", "KEY9")) == ("KEY9",)


def test_one_that_a_later_look_no_longer_finds_is_gone() -> None:
    story = opened()
    seen = look(story, "KEY1", "KEY9")
    assert unaccounted(story.rotation(), seen) == ("KEY9",)
    story.world.now += timedelta(minutes=1)
    story.drive()
    assert unaccounted(story.rotation(), seen) == ()


def test_what_is_off_is_told_until_a_row_has_looked() -> None:
    story = opened()
    seen = look(story, "KEY1", off=("KEY1",))
    assert with_look(story.rotation(), seen).found_off == {"KEY1"}
    story.world.now += timedelta(minutes=1)
    story.drive()
    assert with_look(story.rotation(), seen).found_off == frozenset()
    assert with_look(story.rotation(), None).found_off == frozenset()
