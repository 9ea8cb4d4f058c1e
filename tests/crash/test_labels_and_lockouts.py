"""An issuer that keeps our label tells whose an instance is; one that counts refused logins is
never given two in a row."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from rotation.machine.decide import Close
from rotation.types import Listing, Traits, Verdict, mark
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.simulator import SimulatedIssuer, SimulatedProbe
from tests.support.stories import seeded
from tests.support.world import INSTALLATION, Killed


def killed_behind_the_mint(story: Story) -> None:
    def act(number: int, name: str) -> None:
        if name == "after issuer.issue":
            story.boundaries.act = None
            raise Killed

    story.boundaries.act = act


def labelled(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each instance carries the label of the attempt that it appeared under."""
    labels: dict[str, str] = {}
    listing = SimulatedIssuer.listing

    def reply(issuer: SimulatedIssuer) -> Listing:
        attempts = [e.attempt for e in story.journal.entries(STREAM) if e.attempt]
        for handle in listing(issuer).handles:
            labels.setdefault(handle.id, mark(INSTALLATION, attempts[-1]) if attempts else "")
        return Listing(
            handles=tuple(replace(h, mark=labels[h.id]) for h in listing(issuer).handles)
        )

    monkeypatch.setattr(SimulatedIssuer, "listing", reply)


def test_a_mint_under_our_label_is_removed_and_made_anew(monkeypatch):
    """Without a label the same is Held: test_doubt.py."""
    story = seeded()
    labelled(story, monkeypatch)
    stories.without_faults(story, stories.adopt)
    killed_behind_the_mint(story)
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Close)
    assert list(story.world.instances) == ["KEY3"]
    assert story.violations() == []


@pytest.fixture
def verdicts(monkeypatch) -> Iterator[list[Verdict]]:
    reply: list[Verdict] = []
    login, traits = SimulatedProbe.login, SimulatedIssuer.traits

    def recorded(probe: SimulatedProbe, fields) -> Verdict:
        reply.append(login(probe, fields))
        return reply[-1]

    def wrong(probe: SimulatedProbe, fields) -> Verdict:
        return Verdict.REFUSED

    def costly(issuer: SimulatedIssuer) -> Traits:
        return replace(traits.fget(issuer), failed_logins_safe=1)

    monkeypatch.setattr(SimulatedProbe, "login", recorded)
    monkeypatch.setattr(SimulatedProbe, "wrong", wrong)
    monkeypatch.setattr(SimulatedIssuer, "traits", property(costly))
    return reply


def test_the_proof_of_death_is_one_refused_login_and_a_good_one_at_once(verdicts):
    story = seeded()
    assert isinstance(stories.routine(story), Close)
    assert verdicts.count(Verdict.REFUSED) >= 2
    assert Verdict.REFUSED not in {a for a, b in pairwise(verdicts) if a is b}
    assert verdicts[-1] is Verdict.ACCEPTED
    assert story.violations() == []


def test_a_new_credential_that_is_refused_is_tried_once_more_and_not_again(verdicts):
    story = seeded()
    stories.without_faults(story, stories.adopt)
    accepts = story.world.accepts
    verdicts.clear()
    story.world.accepts = lambda handle, secret: handle == "KEY1" and accepts(handle, secret)
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Close)
    assert "KEY2" in story.world.graves
    first_good = verdicts.index(Verdict.ACCEPTED)
    assert verdicts[:first_good] == [Verdict.REFUSED] * 2
    assert story.violations() == []
