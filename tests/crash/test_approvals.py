"""Killed at every boundary of a rotation that waits for people: nothing is destroyed that nobody agreed
to, and what was agreed to is done once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rotation.approvals import rules
from rotation.approvals.gate import Approvals
from rotation.approvals.rules import Asks
from rotation.config.approving import Approvals as Configured
from rotation.config.approving import Approver, Demands
from rotation.execution.live import Live
from rotation.execution.runner import Runner
from rotation.journal.approving import Approval
from rotation.journal.entries import Draft, Kind
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Close
from rotation.plan import COMPROMISED, Step
from tests.support import stories
from tests.support.acts import declare
from tests.support.crash import STREAM, Story
from tests.support.shell import FakeConfiguration
from tests.support.stories import seeded

BOTH = Demands(promote=1, destroy=1, emergency=1, os_users="accepted")


@dataclass
class Asking(Story):
    """bob agrees to whatever is asked, once the runner has gone."""

    demands: Demands = BOTH
    agreed: list[str] = field(default_factory=list)

    def runner(self) -> Runner:
        runner = super().runner()
        approvals = Approvals(
            configuration=lambda: self.configuration, journal=lambda: runner.journal,
            clock=runner.clock, runner="runner",
        )  # fmt: skip
        runner.live = Live(
            approval=approvals.wait,
            ask=lambda rotation, row: approvals.ask(rotation, row, runner.id),
        )
        return runner

    @property
    def configuration(self) -> Any:
        made = FakeConfiguration(self.spec, Path("-"))
        made.approvals = Configured(allowed_signers="-", approvers=(Approver(id="bob"),))
        made.asks = self.demands
        return made

    def agree(self) -> None:
        asked = self.journal.installation_entries(Kind.APPROVAL)[-1]
        said = Approval(
            said=rules.GIVEN, request=rules.number_of(asked), approver="bob", by_os_user=True
        )
        draft = Draft(kind=Kind.APPROVAL, who="bob", facts=said.facts)
        self.journal.record(draft, "runner-0", self.world.now)
        self.agreed.append(rules.Request.of(asked.facts).step or "?")

    def to_its_end(self) -> None:
        """Until it is closed; whoever is asked agrees."""
        for _ in range(10):
            action = self.drive()
            if not isinstance(action, Asks):
                assert isinstance(action, Close), action
                return
            self.before_agreement()
            self.agree()
        raise AssertionError("it asks for ever")

    def before_agreement(self) -> None:
        rotation = self.rotation()
        if not rotation.rules.contains and rotation.intended(Step.PROMOTE):
            assert rotation.intended(Step.DESTROY) is False
        assert "KEY1" in self.world.instances
        contained = rotation.rules.contains and rotation.done(Step.CONTAIN)
        assert self.world.instances["KEY1"].active is not contained or not rotation.rules.contains

    def asked(self) -> list[str | None]:
        entries = self.journal.installation_entries(Kind.APPROVAL)
        return [
            rules.Request.of(entry.facts).step
            for entry in entries
            if Approval.of(entry.facts).said == rules.ASKED
        ]


def routine(story: Asking) -> None:
    stories.open_plan(story, "routine")
    story.to_its_end()


def emergency(story: Asking) -> None:
    declare(story)
    assert story.rotation().plan == COMPROMISED.name
    story.to_its_end()


def begun(kill_at: frozenset[int] = frozenset()) -> Asking:
    """Adopted without a fault; the boundaries are counted from there."""
    made = seeded(exclusive=True)
    story = Asking(made.world, made.spec, journal=MemoryJournal("0123456789ab"))
    stories.without_faults(story, stories.adopt)
    story.boundaries.names.clear()
    story.boundaries.kill_at = kill_at
    return story


WORK = [(routine, ["promote", "destroy"]), (emergency, ["emergency", "destroy"])]


def survives(work: Any, steps: list[str], number: int) -> None:
    story = begun(frozenset({number}))
    work(story)
    assert story.asked() == steps, number
    assert story.agreed == steps, number
    assert "KEY1" not in story.world.instances, number
    assert story.violations() == [] or work is emergency, number


def boundaries(work: Any) -> list[str]:
    story = begun()
    work(story)
    return story.boundaries.names


@pytest.mark.parametrize(("work", "steps"), WORK)
def test_killed_where_it_is_asked_for_and_where_it_is_used(work: Any, steps: list[str]) -> None:
    names = boundaries(work)
    asks = [n for n, name in enumerate(names) if name.endswith("journal.record")]
    assert len(asks) == 2 * len(steps)
    for number in sorted({near for n in asks for near in range(n - 2, n + 8)}):
        survives(work, steps, number)


@pytest.mark.every
@pytest.mark.parametrize(("work", "steps"), WORK)
def test_killed_anywhere(work: Any, steps: list[str]) -> None:
    for number in range(len(boundaries(work))):
        survives(work, steps, number)


def test_a_word_that_comes_between_two_runners_is_not_lost() -> None:
    story = begun()
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Asks)
    story.agree()
    story.runner().advance(STREAM)
    assert story.rotation().intended(Step.PROMOTE)
