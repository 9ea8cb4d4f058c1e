"""The tables hold together."""

import pytest

from rotation.execution.effects import effect_for, look_for
from rotation.plan import PLANS, Plan, PlanRules, rules_of, tables

TABLES = {name: plan for name, plan in vars(tables).items() if isinstance(plan, Plan)}


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
