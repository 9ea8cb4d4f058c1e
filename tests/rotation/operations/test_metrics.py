"""What `/metrics` says of a fleet: valid text whatever names contain, and never an old one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rotation.errors import Permanent
from rotation.operations.health import Loops, Pulse
from rotation.operations.metrics import REFRESH_S, STALE_S, Metrics, standing_of, text_of
from rotation.operations.observed import Observed
from rotation.report.metrics import SecretRow, Standing
from rotation.types import SecretValue
from tests.real.prometheus import promtool
from tests.support.shell import Shell, at_work

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROW = SecretRow(
    secret="app", owner="team", environment="production", state="due", age=85 * DAY,
    max_age=90 * DAY, due_at=AT - 2 * DAY, held=None,
)  # fmt: skip
ODD = (
    'qu"ote', "back\\slash", "new\nline", "{brace}", "# HELP x y", "snow ☃ man", "tab\t", "", " ",
    "\x1b[31mred", "nul\0", "lone \ud800 half", "x" * 100_000, "rotation_secret_age_seconds 1",
    "a\r\nb", "\u2028",
)  # fmt: skip


def standing(*rows: SecretRow, **more: Any) -> Standing:
    return Standing(at=AT, rows=rows, states=("held", "due", "fine"), **more)


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_ages_states_reasons_and_alerts_are_counted() -> None:
    held = replace(ROW, secret="held", state="held", held="held.unknown-instance")
    found = samples(
        text_of(
            standing(
                ROW,
                held,
                alerts={("page", False): 2},
                stopped=("installation.frozen",),
                breakers=("production@aws",),
            )
        )
    )
    whose = (("environment", "production"), ("owner", "team"), ("secret", "app"))
    assert found["rotation_secret_age_seconds", whose] == (85 * DAY).total_seconds()
    assert found["rotation_secret_max_age_seconds", whose] == (90 * DAY).total_seconds()
    assert found["rotation_secrets", (("state", "held"),)] == 1
    assert found["rotation_secrets", (("state", "fine"),)] == 0, "a state that nobody has is there"
    assert found["rotation_secrets_overdue", ()] == 1
    assert found["rotation_held", (("reason", "held.unknown-instance"),)] == 1
    assert found["rotation_alerts", (("acknowledged", "no"), ("severity", "page"))] == 2
    assert found["rotation_stopped", (("reason", "installation.frozen"),)] == 1
    assert found["rotation_breaker_open", (("group", "production@aws"),)] == 1
    assert found["rotation_breakers_open", ()] == 1
    assert found["rotation_stopped", (("reason", "installation.read-only"),)] == 0


def test_an_odd_name_is_a_label_and_nothing_else() -> None:
    rows = [replace(ROW, secret=f"{n}{odd}", owner=odd, held=odd) for n, odd in enumerate(ODD)]
    found = samples(text_of(standing(*rows, undelivered=dict.fromkeys(ODD, 1))))
    ages = [labels for name, labels in found if name == "rotation_secret_age_seconds"]
    assert len(ages) == len(ODD)
    named = {dict(labels)["secret"] for labels in ages}
    assert all(f"{n}{odd}" in named for n, odd in enumerate(ODD) if "\ud800" not in odd)


def test_promtool_accepts_it_with_odd_names() -> None:
    rows = [replace(ROW, secret=f"{n}{odd}", owner=odd) for n, odd in enumerate(ODD)]
    observed = Observed()
    promtool("check", "metrics", stdin=text_of(standing(*rows)) + page_of(observed))


def page_of(observed: Observed) -> bytes:
    from prometheus_client import generate_latest  # noqa: PLC0415

    observed.calls.labels('odd"\n').inc()
    observed.rows.labels("issue").observe(3)
    return generate_latest(observed.registry)


def test_it_says_what_status_says(shell: Shell) -> None:
    shell.adopted()
    with at_work(shell, effectful=False) as here:
        [row] = standing_of(here).rows
    assert (row.secret, row.owner, row.environment) == ("app", "team", "production")
    assert row.state == shell.json("status")["secrets"][0]["state"] == "past-max-age"


def test_a_name_that_holds_a_secret_value_is_refused_and_not_printed() -> None:
    value = SecretValue("EXAMPLE-of-a-live-value")
    with pytest.raises(Permanent) as refused:
        text_of(standing(replace(ROW, owner=f"team {value.reveal()}")))
    assert refused.value.code == "metrics.secret-refused"
    assert value.reveal() not in str(refused.value)


@dataclass
class Time:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_cannot_be_refreshed_is_left_out_after_a_tick(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old figure would look like health; an absent one alarms."""
    shell.adopted()
    time = Time()
    with at_work(shell) as here:
        metrics = Metrics(
            here=here, observed=Observed(), loops=Loops(), pulse=Pulse(here=here), monotonic=time
        )
        metrics.refresh()
        assert b"rotation_secret_age_seconds{" in metrics.page()
        first = metrics.page()
        time.now = REFRESH_S - 1
        shell.world.advance(shell.world.now + DAY)
        metrics.refresh()
        assert _age(metrics.page()) == _age(first), "it is not read again for each scrape"
        time.now = REFRESH_S
        metrics.refresh()
        assert _age(metrics.page()) == _age(first) + DAY.total_seconds()
        shell.world.advance(shell.world.now + DAY)
        metrics.observed.follow(())
        time.now += 1
        metrics.refresh()
        assert _age(metrics.page()) == _age(first) + 2 * DAY.total_seconds(), "this runner wrote"
        time.now += STALE_S + 1
        late = metrics.page()
        assert b"rotation_secret_age_seconds" not in late
        assert b"rotation_build_info" in late


def _age(page: bytes) -> float:
    whose = (("environment", "production"), ("owner", "team"), ("secret", "app"))
    return samples(page)["rotation_secret_age_seconds", whose]
