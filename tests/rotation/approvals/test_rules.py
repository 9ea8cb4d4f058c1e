"""What an approval is bound to: everything that its step follows from."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from rotation.approvals import rules
from rotation.approvals.gate import Approvals
from rotation.approvals.rules import Asks, demanded, text_of
from rotation.config.approving import Approvals as Configured
from rotation.config.approving import Approver, Demands
from rotation.journal.approving import Approval, Request
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.facts import Opened
from rotation.machine.decide import Do, Wait, next_action
from rotation.machine.replay import Rotation, replay
from rotation.plan import COMPROMISED, PLANS, RowInstance, Step, plan_for
from rotation.plan.compiled import compile_rows
from rotation.plan.specification import spec_to_json
from rotation.types import Facts, Specification
from tests.support import stories
from tests.support.approvers import people
from tests.support.crash import STREAM, Story
from tests.support.shell import FakeConfiguration
from tests.support.simulator import SimulatedClock
from tests.support.stories import seeded
from tests.support.world import INSTALLATION


@pytest.fixture
def story() -> Story:
    """A rotation whose next step is to destroy the old credential."""
    made = seeded()
    stories.without_faults(made, stories.adopt)
    stories.open_plan(made, "routine")
    while isinstance(action := made.runner().advance(STREAM, until=Step.DESTROY), Wait):
        assert action.until is not None
        made.world.advance(action.until)
    return made


def of(story: Story, demands: Demands) -> Approvals:
    configuration: Any = FakeConfiguration(story.spec, Path("-"))
    configuration.approvals = Configured(allowed_signers="-", approvers=(Approver(id="bob"),))
    configuration.asks = demands
    return Approvals(
        configuration=lambda: configuration, journal=lambda: story.journal,
        clock=SimulatedClock(story.world), runner="runner",
    )  # fmt: skip


def agreed(story: Story, approvals: Approvals, rotation: Rotation, row: RowInstance) -> None:
    approvals.ask(rotation, row, "runner-1")
    (asked,) = story.journal.installation_entries(Kind.APPROVAL)
    said = Approval(
        said=rules.GIVEN, request=rules.number_of(asked), approver="bob", by_os_user=True
    )
    draft = Draft(kind=Kind.APPROVAL, who="bob", facts=said.facts)
    story.journal.record(draft, "runner-1", story.world.now)


def present(story: Story) -> tuple[Rotation, RowInstance]:
    rotation = replay(story.journal.entries(STREAM))
    action = next_action(rotation, story.world.now)
    assert isinstance(action, Do)
    return rotation, action.row


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*way, key))
    elif isinstance(value, list | tuple) and value:
        for n, inner in enumerate(value):
            yield from leaves(inner, (*way, n))
    else:
        yield way


def otherwise(spec: Facts, way: tuple[Any, ...]) -> Facts:
    """The same but for that one value, which is of the same kind."""
    changed: Any = deepcopy(spec)
    inner = changed
    for key in way[:-1]:
        inner = inner[key]
    was = inner[way[-1]]
    inner[way[-1]] = {bool: lambda: not was, int: lambda: was + 1}.get(type(was), lambda: "other")()
    return dict(changed)


FULL = replace(
    seeded().spec, composed={"url": "{id}"}, accept_stale=("old",), regions=("eu-west-1",)
)
WAYS = list(leaves(spec_to_json(FULL)))


def test_every_field_of_the_specification_is_tried() -> None:
    assert {way[0] for way in WAYS} == {field.name for field in fields(Specification)}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: ".".join(map(str, way)))
def test_a_plan_that_differs_in_one_field_is_not_approved(
    story: Story, way: tuple[Any, ...]
) -> None:
    """Even where somebody changed the journal itself, and its hashes with it."""
    approvals = of(story, Demands(destroy=1, os_users="accepted"))
    rotation, row = present(story)
    entries = [with_spec(rotation.opened, spec_to_json(FULL)), *story.journal.entries(STREAM)[1:]]
    rotation = replay(entries)
    agreed(story, approvals, rotation, row)
    assert approvals.wait(rotation, row) is None
    entries[0] = with_spec(rotation.opened, otherwise(rotation.spec, way))
    assert entries[0].hash == rotation.opened.hash
    assert isinstance(approvals.wait(replay(entries), row), Asks)


def with_spec(opened: Entry, spec: Facts) -> Entry:
    return replace(opened, facts={**opened.facts, **Opened(spec=spec).facts})


@pytest.mark.parametrize(
    "change",
    [
        Opened(plan="retire"), Opened(secret="other"), Opened(scope=["KEY9"]), Opened(rows=[]),
        Opened(undo=[]), Opened(baseline={}), Opened(spec_sha256="0"), Opened(reason="another"),
    ],
    ids=lambda change: next(iter(change.facts)),
)  # fmt: skip
def test_nor_is_one_that_was_opened_otherwise(story: Story, change: Opened) -> None:
    rotation, row = present(story)
    around = rules.Surroundings(
        installation=INSTALLATION, secret="app", environment="production", policy="production",
        demands=Demands(destroy=1), may=("bob",),
    )  # fmt: skip
    before = rules.digest(rotation, row, around)
    opened = replace(rotation.opened, facts={**rotation.opened.facts, **change.facts})
    rotation.opened = opened
    assert rules.digest(rotation, row, around) != before


@pytest.mark.parametrize(
    "change",
    [
        {"installation": "ba9876543210"}, {"secret": "b"}, {"environment": "test"},
        {"policy": "trial"}, {"demands": Demands(destroy=2)}, {"may": ("carol",)},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_nor_one_of_other_surroundings(story: Story, change: dict[str, Any]) -> None:
    rotation, row = present(story)
    around = rules.Surroundings(
        installation=INSTALLATION, secret="app", environment="production", policy="production",
        demands=Demands(destroy=1), may=("bob",),
    )  # fmt: skip
    assert rules.digest(rotation, row, replace(around, **change)) != rules.digest(
        rotation, row, around
    )


EDITS = {
    "rotation": "0" * 64, "row": ["destroy", 1, 0], "digest": "0" * 64, "needs": 0, "by": ["eve"],
    "expires": "2099-01-01T00:00:00.000000Z", "requester": "mallory", "secret": "b", "step": "promote",
    "environment": "test", "policy": "trial", "plan": "retire", "does": "nothing", "rows": [],
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(Request.keys - {"stream"}))
def test_a_request_that_was_edited_in_the_journal_is_not_what_was_signed(
    story: Story, tmp_path: Path, key: str
) -> None:
    made = people(tmp_path / "people")
    approvals = of(story, Demands(destroy=1))
    configuration: Any = approvals.configuration()
    configuration.allowed_signers = made.signers
    rotation, row = present(story)
    approvals.ask(rotation, row, "runner-1")
    (asked,) = story.journal.installation_entries(Kind.APPROVAL)
    signature = made.sign("bob", text_of(asked, INSTALLATION)).read_text()
    said = Approval(
        said=rules.GIVEN, request=rules.number_of(asked), approver="bob", signature=signature
    )
    given = story.journal.record(
        Draft(kind=Kind.APPROVAL, facts=said.facts), "runner-1", story.world.now
    )
    assert approvals.wait(rotation, row) is None
    assert asked.facts[key] != EDITS[key]
    edited = replace(asked, facts={**asked.facts, key: EDITS[key]})
    journal: Any = Mock(installation_entries=lambda *kinds: (edited, given))
    assert isinstance(replace(approvals, journal=lambda: journal).wait(rotation, row), Asks)


def test_another_round_of_the_same_row_is_asked_for_again(story: Story) -> None:
    approvals = of(story, Demands(destroy=1, os_users="accepted"))
    rotation, row = present(story)
    agreed(story, approvals, rotation, row)
    assert approvals.wait(rotation, row) is None
    rotation.states[row.position].round += 1
    assert isinstance(approvals.wait(rotation, row), Asks)


def test_it_ends_at_its_time(story: Story) -> None:
    approvals = of(story, Demands(destroy=1, expire_s=600, os_users="accepted"))
    rotation, row = present(story)
    agreed(story, approvals, rotation, row)
    story.world.now += timedelta(seconds=599)
    assert approvals.wait(rotation, row) is None
    story.world.now += timedelta(seconds=1)
    assert isinstance(approvals.wait(rotation, row), Asks)


def test_its_end_counts_from_the_window_in_which_the_step_may_be_taken(story: Story) -> None:
    """A day would be over before a window of the weekend begins."""
    opens = story.world.now + timedelta(days=3)
    approvals = of(story, Demands(destroy=1, expire_s=600, os_users="accepted"))
    approvals = replace(approvals, opens_at=lambda secret, now: opens)
    rotation, row = present(story)
    agreed(story, approvals, rotation, row)
    story.world.now = opens + timedelta(seconds=599)
    assert approvals.wait(rotation, row) is None
    story.world.now += timedelta(seconds=1)
    assert isinstance(approvals.wait(rotation, row), Asks)


def test_nobody_s_name_forges_a_line(story: Story) -> None:
    facts = Request(secret="app\nneeds: 0 of nobody", needs=2, by=["bob"]) | Approval(said="asked")
    asked = story.journal.record(
        Draft(kind=Kind.APPROVAL, facts=facts.facts), "runner-1", story.world.now
    )
    lines = text_of(asked, INSTALLATION).splitlines()
    assert [line for line in lines if line.startswith("needs: ")] == ["needs: 2 of bob"]


# ------------------------------------------------------------------------- which steps may be asked


def kinds(plan: str, **world: Any) -> dict[str, tuple[str, ...]]:
    story = seeded(**world)
    traits = story.runner().bind(story.spec).issuer.traits
    asked = {}
    opened = plan_for(PLANS[plan], traits)
    rotation = stories_rotation(story)
    rotation.plan, rotation.rows = opened.name, compile_rows(opened.rows, story.spec, traits)
    for row in rotation.rows:
        if found := demanded(rotation, row):
            asked[str(row.step)] = found
    return asked


def stories_rotation(story: Story) -> Rotation:
    stories.without_faults(story, stories.adopt)
    return replay(story.journal.entries(STREAM))


def test_each_plan_asks_before_what_cannot_be_taken_back() -> None:
    both = {"promote": ("promote",), "destroy": ("destroy",)}
    assert kinds("routine") == both
    assert kinds("retire") == {"destroy": ("destroy",)}
    assert kinds("first") == {"promote": ("promote",)}
    assert kinds("replace") == {"destroy": ("destroy",)}, "readers have nothing that works"
    assert kinds("compromised") == {"contain": ("emergency",), "destroy": ("destroy",)}
    assert kinds("adopt") == kinds("repair") == {}
    assert COMPROMISED.rules.contains


def test_without_overlap_it_asks_before_the_cut_and_not_after_it() -> None:
    once = {"activate": ("destroy", "promote")}
    assert kinds("routine", chosen=True, overlap=False, can_suspend=False) == once
    leaked = kinds("compromised", chosen=True, overlap=False, can_suspend=False)
    assert leaked == {"activate": ("emergency",)}
    assert kinds("replace", chosen=True, overlap=False, can_suspend=False) == {}


def test_what_leads_back_asks_nobody(story: Story) -> None:
    rotation, row = present(story)
    assert demanded(rotation, row)
    rotation.mode = type(rotation.mode)("undo")
    assert demanded(rotation, row) == ()
