"""Consumers that are given the new credential one wave after another."""

from dataclasses import replace
from datetime import timedelta

from rotation.plan import ROUTINE, Step
from rotation.plan.compiled import compile_rows, opening
from rotation.plan.tables import COMPROMISED
from rotation.plan.waves import baking
from rotation.types import ConsumerSpec, Specification
from tests.support import stories
from tests.support.acts import declare
from tests.support.crash import STREAM
from tests.support.simulator import bound, specification
from tests.support.stories import seeded
from tests.support.world import World


def of(*consumers: ConsumerSpec) -> Specification:
    return replace(specification(World()), consumers=consumers)


def consumer(name: str, wave: int, bake_s: int = 0) -> ConsumerSpec:
    batch = next(c for c in specification(World()).consumers if c.pushed)
    return replace(batch, id=name, wave=wave, bake_s=bake_s)


def names(spec: Specification, *, waves: bool = True) -> list[str]:
    rows = compile_rows(ROUTINE.rows, spec, bound(World()).issuer.traits, waves=waves)
    wanted = (Step.PROMOTE, Step.DELIVER, Step.CONFIRM, Step.VERIFY_LIVE)
    return [row.name.replace("consumer:", "") for row in rows if row.step in wanted]


API = specification(World()).consumers[0]


def test_a_wave_is_given_it_once_the_one_before_has_confirmed() -> None:
    spec = of(API, consumer("b", 2), consumer("a", 1), consumer("c", 2))
    assert names(spec) == [
        "promote",
        "deliver[a]", "confirm[a]",
        "deliver[b]", "deliver[c]", "confirm[api]", "confirm[b]", "confirm[c]",
        "verify-live",
    ]  # fmt: skip
    rows = compile_rows(ROUTINE.rows, spec, bound(World()).issuer.traits, waves=True)
    by_name = {row.name.replace("consumer:", ""): row for row in rows}
    assert by_name["deliver[b]"].after == (by_name["confirm[a]"].position,)


def test_one_wave_is_the_plan_as_it_was() -> None:
    spec = of(API, consumer("a", 3), consumer("b", 3))
    assert names(spec) == names(spec, waves=False)


def test_an_emergency_waits_for_no_wave() -> None:
    spec = of(API, consumer("a", 1, bake_s=600), consumer("b", 2))
    said = opening(COMPROMISED, spec, bound(World()).issuer.traits)
    steps = [row["step"] for row in said.rows]
    assert steps.count("deliver") == 2
    assert steps.index("confirm") > max(n for n, step in enumerate(steps) if step == "deliver")


def test_the_waves_take_as_long_as_the_longest_of_each() -> None:
    spec = of(consumer("a", 1, 60), consumer("b", 1, 30), consumer("c", 2, 10))
    assert baking(spec) == timedelta(seconds=70)


def test_the_next_wave_has_nothing_before_the_first_has_run_long_enough() -> None:
    story = seeded(waves=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "deliver")
    batch, late = (c for c in story.world.consumers if c.id != "api")
    given = story.rotation().state(Step.DELIVER, "consumer:batch").done_at
    assert given is not None
    assert (batch.given, late.given) == (1, 0)
    while late.given == 0:
        story.world.advance(story.world.now + timedelta(seconds=1))
        story.runner().advance(STREAM)
    assert story.world.now - given >= timedelta(seconds=10)


def test_a_first_wave_that_refuses_stops_the_others_and_a_person_goes_back() -> None:
    story = seeded(waves=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    story.world.denied.add("consumer.deliver")
    for _ in range(40):
        story.world.advance(story.world.now + timedelta(seconds=20))
        story.runner().advance(STREAM)
    assert [c.given for c in story.world.consumers] == [0, 0, 0]
    assert story.rotation().outcome is None
    story.world.denied.clear()
    stories.request(story, "rollback")
    story.drive()
    assert story.rotation().outcome == "rolled-back"
    assert story.violations() == []


def test_an_emergency_does_not_let_a_consumer_bake() -> None:
    story = seeded(waves=True)
    stories.without_faults(story, stories.adopt)
    spec = story.spec
    story.spec = replace(spec, consumers=tuple(replace(c, bake_s=86_400) for c in spec.consumers))
    declare(story)
    began = story.world.now
    story.drive()
    assert story.rotation().outcome == "succeeded"
    assert story.world.now - began < timedelta(hours=1)
