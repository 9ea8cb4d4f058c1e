"""The rows of one identity, and that OPENED keeps them as they were compiled."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from rotation.journal.entries import SCHEMA, Entry, Kind
from rotation.plan import ACCEPT, PLANS, Plan, Step, plan_for, tables
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
    read = rows_of(opened({**opening(plan, spec, traits).facts, "baseline": {}}))
    here = plan_for(plan, traits)
    assert read.rows == compile_rows(here.rows, spec, traits)
    assert read.undo == compile_rollback(here, spec, traits, len(read.rows))
    assert read.accept == compile_rows(ACCEPT, spec, traits, len(read.rows) + len(read.undo))
    assert not read.unknown


def test_a_row_is_left_out_where_the_issuer_cannot_do_it() -> None:
    story = seeded()
    spec, traits = story.spec, SimulatedIssuer(story.world).traits
    steps = {row.step for row in compile_rows(PLANS["routine"].rows, spec, traits)}
    never_off = replace(traits, can_suspend=False)
    left = steps - {row.step for row in compile_rows(PLANS["routine"].rows, spec, never_off)}
    assert left == {Step.SUSPEND, Step.PROVE_OFF, Step.SOAK}


def test_what_waited_for_a_row_that_is_left_out_waits_for_the_one_before_it() -> None:
    story = seeded()
    traits = SimulatedIssuer(story.world).traits
    nobody = replace(story.spec, consumers=())
    rows = {row.step: row for row in compile_rows(PLANS["routine"].rows, nobody, traits)}
    assert Step.DELIVER not in rows
    assert rows[Step.VERIFY_LIVE].after == (rows[Step.PROMOTE].position,)


def test_a_row_that_this_version_does_not_know_is_left_out_and_told() -> None:
    story = seeded()
    said = opening(PLANS["routine"], story.spec, SimulatedIssuer(story.world).traits).facts
    rows = [{**row, "step": "teleport"} if n == 1 else row for n, row in enumerate(said["rows"])]
    read = rows_of(opened({**said, "rows": rows}))
    assert (read.unknown, len(read.rows)) == (True, len(rows) - 1)
