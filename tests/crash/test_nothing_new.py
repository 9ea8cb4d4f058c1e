"""A mint whose answer names what was there before: nobody's credential is destroyed for it."""

import pytest

from rotation.machine.decide import Close, Held
from rotation.types import Credential, Fields, Handle, SecretValue
from tests.support.acts import ask, opened
from tests.support.crash import Story
from tests.support.simulator import SimulatedIssuer


def named_again(monkeypatch: pytest.MonkeyPatch, story: Story, kind: str) -> None:
    """The service made a second one and names the first; made none; or replaced the first."""
    mint = SimulatedIssuer.issue

    def issue(issuer: SimulatedIssuer, attempt: str) -> Credential:
        made, old = "canary-of-the-answer", story.world.instances["KEY1"]
        if kind == "a second one":
            made = mint(issuer, attempt).fields.secret["secret"].reveal()
        if kind == "replaced":
            story.world.emergency = True
            old.secret = made
        fields = Fields(public={"id": old.id}, secret={"secret": SecretValue(made)})
        return Credential(handle=Handle(id=old.id, created=old.created), fields=fields)

    monkeypatch.setattr(SimulatedIssuer, "issue", issue)


def held(story: Story) -> str:
    action = story.drive()
    assert isinstance(action, Held), action
    return action.code


@pytest.mark.parametrize("kind", ["a second one", "none"])
@pytest.mark.parametrize("way", ["rollback", "resume"])
def test_what_readers_have_is_not_destroyed_for_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, way: str
) -> None:
    story = opened(exclusive=True)
    with monkeypatch.context() as lying:
        named_again(lying, story, kind)
        assert held(story) == "held.needs-person"
        assert "KEY1, which was there before" in str(story.rotation().states)
        assert list(story.world.labels.values()) == ["v0"], "nothing was staged"
    ask(story, way)
    action = story.drive()
    if isinstance(action, Held):  # nothing tells whose the second one is
        assert action.code == "held.unknown-instance"
        ask(story, "ours", instance="KEY2")
        action = story.drive()
    assert isinstance(action, Close)
    assert story.violations() == []
    assert len(story.world.instances) == 1


def test_one_that_was_replaced_is_not_called_working(monkeypatch: pytest.MonkeyPatch) -> None:
    story = opened(exclusive=True)
    named_again(monkeypatch, story, "replaced")
    assert held(story) == "held.replaced-in-place"
    assert set(story.world.instances) == {"KEY1"}
