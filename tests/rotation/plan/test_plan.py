"""The tables hold together, and what OPENED keeps of them is read as it was compiled."""

from datetime import UTC, datetime
from itertools import product

import pytest

from rotation.execution.effects import effect_for, look_for
from rotation.journal.entries import SCHEMA, Entry, Kind
from rotation.plan import ACCEPT, PLANS, Plan, PlanRules, plan_for, rules_of, tables
from rotation.plan.compiled import compile_rollback, compile_rows, opening, rows_of
from rotation.types import Facts
from tests.support.simulator import SimulatedIssuer
from tests.support.stories import seeded

TABLES = {name: plan for name, plan in vars(tables).items() if isinstance(plan, Plan)}


def opened(facts: Facts) -> Entry:
    return Entry(
        stream="s", seq=1, rotation=1, schema=SCHEMA, kind=Kind.OPENED, row=None, attempt=None,
        epoch=1, runner="r", who=None, at=datetime(2026, 1, 1, tzinfo=UTC), server_at=None,
        facts=facts, prev="", hash=str(facts),
    )  # fmt: skip


@pytest.mark.parametrize(("overlap", "chosen"), list(product((True, False), repeat=2)))
@pytest.mark.parametrize("table", [name for name in TABLES if not name.startswith("_")])
def test_rows_are_read_as_they_were_compiled(table: str, *, overlap: bool, chosen: bool) -> None:
    plan = TABLES[table]
    story = seeded(overlap=overlap, chosen=chosen)
    spec, traits = story.spec, SimulatedIssuer(story.world).traits
    read = rows_of(opened(opening(plan, spec, traits).facts))
    here = plan_for(plan, traits)
    assert read.rows == compile_rows(here.rows, spec, traits)
    assert read.undo == compile_rollback(here, spec, traits, len(read.rows))
    assert read.accept == compile_rows(ACCEPT, spec, traits, len(read.rows) + len(read.undo))
    assert not read.unknown


@pytest.mark.parametrize("table", TABLES)
def test_every_table_under_a_name_has_the_rules_of_that_name(table: str) -> None:
    """For an open rotation is known by its plan's name alone."""
    assert TABLES[table].rules == PLANS[TABLES[table].name].rules


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_its_effect_and_its_look(table: str) -> None:
    plan = TABLES[table]
    for row in (*plan.rows, *(undo.row for undo in plan.rollback)):
        assert effect_for(plan.rules, row.step)
        assert not row.looks or look_for(plan.rules, row.step)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_waits_for_rows_above_it(table: str) -> None:
    above = set()
    for row in TABLES[table].rows:
        assert above.issuperset(row.after or ()), row.step
        above.add(row.step)


@pytest.mark.parametrize("name", [None, "of-a-later-version"])
def test_no_plan_and_an_unknown_one_have_no_rules_of_their_own(name: str | None) -> None:
    assert rules_of(name) == PlanRules()
