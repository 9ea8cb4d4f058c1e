"""What an emergency is about: whose each instance is, and what breaks."""

from rotation.errors import Transient
from rotation.operations.survey import is_about_all, made, outage_s, survey, was_there
from tests.support.acts import declare, failing, opened
from tests.support.crash import STREAM, Story
from tests.support.simulator import bound


def surveyed(story: Story):
    return survey(story.journal, bound(story.world), STREAM, story.spec)


def test_what_the_journal_made_is_ours_and_nothing_else() -> None:
    story = opened(until="issue")
    story.world.mint(by_person=True)
    found = surveyed(story)
    assert (found.ours, found.others) == (["KEY1", "KEY2"], ["KEY3"])
    assert [suspect.id for suspect in found.suspects if suspect.current] == ["KEY1"]
    assert made(story.journal.history(STREAM)) == {"KEY1", "KEY2"}


def test_without_a_journal_nobody_knows_whose_an_instance_is() -> None:
    story = opened()
    found = survey(None, bound(story.world), STREAM, story.spec)
    assert (found.known, found.ours, found.others) == (False, [], ["KEY1"])


def test_a_store_that_is_away_is_not_waited_for() -> None:
    story = opened()
    failing(story, "before store.state", lambda: Transient("x.away", "no answer"))
    found = surveyed(story)
    assert (found.store_reached, found.baseline.version) == (False, "v0")


def test_an_issuer_that_is_away_leaves_what_is_named() -> None:
    story = opened()
    failing(story, "before issuer.listing", lambda: Transient("x.away", "no answer"))
    found = survey(story.journal, bound(story.world), STREAM, story.spec, named="KEY9")
    assert [suspect.id for suspect in found.suspects] == ["KEY1", "KEY9"]


def test_an_open_emergency_covers_what_it_was_declared_for() -> None:
    story = opened()
    declare(story)
    found = surveyed(story)
    assert found.under_way is not None
    assert found.declared == ["KEY1"]
    assert is_about_all(found.under_way, others=False)
    assert was_there(found.under_way, "KEY1")


def test_an_outage_is_as_long_as_the_slowest_reader() -> None:
    story = opened()
    assert outage_s(story.spec) == 5 + 6 + 30
