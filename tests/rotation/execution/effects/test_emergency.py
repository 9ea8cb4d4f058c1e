"""Containment does not wait for anything that is not needed for it."""

from rotation.errors import Denied, Transient
from rotation.execution.effects import emergency
from rotation.journal.facts import Contained, Exposure, Proof
from rotation.plan import Step
from rotation.types import Death
from tests.support.acts import declare, failing
from tests.support.crash import Story
from tests.support.effects import at
from tests.support.simulator import SimulatedIssuer
from tests.support.stories import adopt, seeded, without_faults


def declared() -> Story:
    story = seeded()
    without_faults(story, adopt)
    declare(story)
    return story


def test_what_can_be_read_is_kept_and_the_rest_left_out() -> None:
    story = declared()
    said = Exposure.of(emergency.evidence(at(story, Step.EVIDENCE)).facts)
    assert (said.current, said.active) == ("v0", ["KEY1"])
    failing(story, "before issuer.listing", lambda: Transient("x.away", "no answer"))
    said = Exposure.of(emergency.evidence(at(story, Step.EVIDENCE)).facts)
    assert (said.current, said.has(Exposure.active)) == ("v0", False)


def test_a_store_that_is_away_keeps_nothing_alive() -> None:
    story = declared()
    failing(story, "before store.mark", lambda: Denied("x.denied", "denied"))
    said = Contained.of(emergency.contain(at(story, Step.CONTAIN)).facts)
    assert (said.contained, said.marked) == (["KEY1"], False)
    assert not story.world.instances["KEY1"].active


def test_what_is_gone_is_off() -> None:
    story = declared()
    del story.world.instances["KEY1"]
    emergency.switch_off(SimulatedIssuer(story.world), "KEY1")


def test_a_version_that_the_journal_does_not_know_is_not_tried() -> None:
    story = declared()
    cx = at(story, Step.PROVE_OFF)
    cx.rotation.baseline = cx.rotation.baseline | type(cx.rotation.baseline)(known=[])
    before = len(story.world.calls)
    assert Proof.of(emergency.prove_off(cx).facts).grade == Death.ASSERTED
    assert story.world.calls[before:] == []
