"""What readers have becomes the baseline."""

import pytest

from rotation.errors import NeedsPerson
from rotation.execution.effects.inspect import claim, inspect
from rotation.journal.facts import Inspected
from rotation.plan import Step
from tests.support.crash import Story
from tests.support.effects import at
from tests.support.stories import open_plan, seeded
from tests.support.world import INSTALLATION


def adopting() -> Story:
    story = seeded()
    story.world.claim = None
    open_plan(story, "adopt")
    return story


def test_it_is_found_with_its_age_and_its_strangers() -> None:
    story = adopting()
    story.world.mint(by_person=True)
    said = Inspected.of(inspect(at(story, Step.INSPECT)).facts)
    assert (said.version, said.handle, said.foreign) == ("v0", "KEY1", ["KEY2"])
    assert said.created == story.world.instances["KEY1"].created


def test_a_value_whose_instance_is_gone_is_no_baseline() -> None:
    story = adopting()
    del story.world.instances["KEY1"]
    with pytest.raises(NeedsPerson) as caught:
        inspect(at(story, Step.INSPECT))
    assert caught.value.code == "held.instance-missing"


def test_another_installations_secret_is_not_taken() -> None:
    story = adopting()
    story.world.claim = "somebody-else"
    with pytest.raises(NeedsPerson) as caught:
        inspect(at(story, Step.INSPECT))
    assert caught.value.code == "held.claim-foreign"


def test_a_version_of_ours_that_the_journal_forgot_is_no_baseline() -> None:
    story = adopting()
    version = f"rot1-{INSTALLATION}-{'1' * 32}"
    story.world.versions[version] = story.world.versions["v0"]
    story.world.move("current", version)
    with pytest.raises(NeedsPerson) as caught:
        inspect(at(story, Step.INSPECT))
    assert caught.value.code == "held.journal-behind"


def test_the_secret_is_claimed_for_this_installation() -> None:
    story = adopting()
    claim(at(story, Step.CLAIM))
    assert story.world.claim == INSTALLATION
