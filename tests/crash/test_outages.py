"""A service that is away for a while: nothing is minted, and what waits goes on by itself."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.errors import Transient
from rotation.journal.entries import Kind
from rotation.machine.decide import Close
from rotation.plan import Step
from tests.support import emergencies, stories
from tests.support.acts import declare
from tests.support.crash import Story


def away(story: Story, begins_with: str, outage: timedelta) -> None:
    """Whatever begins with that is not answered for so long; other calls are."""
    until = story.world.now + outage

    def refuse(_: int, name: str) -> None:
        if name.removeprefix("before ").startswith(begins_with) and story.world.now < until:
            raise Transient("sim.sealed", "it is sealed", "unseal it")

    story.boundaries.act = refuse


@pytest.mark.parametrize("service", ["store", "issuer"])
@pytest.mark.parametrize("settle_s", [0, 6])
def test_an_outage_of_twenty_minutes_is_waited_out(service: str, settle_s: int) -> None:
    story = stories.seeded(exclusive=True)
    story.spec = replace(story.spec, settle_s=settle_s)
    story.world.lag = timedelta(seconds=settle_s / 2)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    away(story, service, timedelta(minutes=20))
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "succeeded"
    assert story.world.minted == 2
    assert story.violations() == []


def test_an_emergency_mints_nothing_for_a_store_that_is_away() -> None:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    away(story, "store", timedelta(minutes=20))
    declare(story)
    assert isinstance(story.drive(), Close)
    assert story.world.minted == 2
    assert emergencies.findings(story) == []


def test_a_containment_is_tried_until_the_issuer_answers() -> None:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    outage = timedelta(minutes=45)
    began = story.world.now
    away(story, "issuer", outage)
    assert isinstance(story.drive(), Close)
    contained = next(
        e for e in story.entries() if e.kind is Kind.DONE and e.row and e.row.step == Step.CONTAIN
    )
    assert contained.at - began - outage < timedelta(seconds=30)
    assert emergencies.findings(story) == []
