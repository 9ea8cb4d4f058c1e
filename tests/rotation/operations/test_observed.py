"""What a runner did, as metrics: each row's time, and each call under the connection that it loads."""

from dataclasses import replace
from typing import Any

import pytest

from rotation.errors import Transient
from rotation.operations.observed import Observed
from rotation.types import PluginSpec
from tests.support.shell import Shell, at_work
from tests.support.simulator import bound, specification
from tests.support.world import World


def value(observed: Observed, name: str, **labels: str) -> float | None:
    return observed.registry.get_sample_value(f"rotation_{name}", labels)


def test_a_row_takes_from_the_end_of_the_one_before_it_to_its_own(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    with at_work(shell, effectful=False) as here:
        [stream] = [row.stream for row in here.records.identities()]
        entries = here.records.entries(stream)
    observed = Observed()
    for entry in entries:
        observed.follow([entry])
    assert value(observed, "row_duration_seconds_count", step="issue") == 1
    soaked = value(observed, "row_duration_seconds_sum", step="soak")
    assert soaked is not None and soaked > 3500, "its waiting is part of it"
    assert value(observed, "journal_commits_total") == len(entries)
    assert value(observed, "journal_entries_total", kind="closed") == 1

    resumed = Observed(entries_of=lambda stream: entries)
    late = next(
        e for e in entries if e.row is not None and e.row.step == "soak" and e.kind == "done"
    )
    resumed.follow([late])
    assert value(resumed, "row_duration_seconds_sum", step="soak") == soaked, "after a restart too"


def test_calls_are_counted_by_connection_and_throttles_apart() -> None:
    world = World()
    world.seed()
    spec = specification(world)
    on = {"connection": "main"}
    spec = replace(
        spec, issuer=PluginSpec(type=spec.issuer.type, options={**spec.issuer.options, **on})
    )
    observed = Observed()
    watched = observed.watch(bound(world), spec)
    assert watched.issuer.traits == bound(world).issuer.traits
    watched.issuer.listing()
    watched.store.state()  # without a connection, as a store of the simulated world
    assert value(observed, "calls_total", connection="main") == 1

    def busy(*_: Any) -> None:
        raise Transient("x.throttled", "busy")

    watched.issuer._adapter.listing = busy
    with pytest.raises(Transient):
        watched.issuer.listing()
    assert value(observed, "calls_total", connection="main") == 2
    assert value(observed, "calls_failed_total", connection="main") == 1
    assert value(observed, "calls_throttled_total", connection="main") == 1
