"""Lists that show a change late, and services that replace where they should add."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.http.issuer import HttpApiIssuer
from providers.http.options import HttpApiOptions
from providers.http.testing.acme import Acme
from providers.http.testing.service import Got, Reply, Service
from providers.http.testing.vendors import Grafana
from rotation.errors import Ambiguous, NeedsPerson, RotationError
from rotation.types import mark
from tests.support.http import ATTEMPT, INSTALLATION, MONTH, Bench, connected, context, replacing

LAG_S = 1.0


def lag(service: Service, seconds: Callable[[], float]) -> None:
    """Its lists show what was so long ago."""
    answer, past = service.answer, [(0.0, dict(service.instances))]

    def lagging(operation: str, got: Got) -> Reply:
        if operation != "list":
            reply = answer(operation, got)
            past.append((time.monotonic(), dict(service.instances)))
            return reply
        seen = [state for at, state in past if at <= time.monotonic() - seconds()]
        now, service.instances = service.instances, seen[-1]
        try:
            return answer(operation, got)
        finally:
            service.instances = now

    service.answer = lagging  # type: ignore[method-assign]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as service:
        yield service


def issuer_of(grafana: Grafana, directory: Path, settle_s: int) -> HttpApiIssuer:
    options = HttpApiOptions(
        connection="vendor", name="billing", service="grafana-service-account-token",
        parameters={"service_account": "7"}, expires_in_s=MONTH,
    )  # fmt: skip
    return HttpApiIssuer(options, context(connected(grafana, directory, settle_s=settle_s)))


def test_what_was_just_made_is_waited_for_and_so_is_what_was_deleted(
    grafana: Grafana, tmp_path: Path
) -> None:
    lag(grafana, lambda: LAG_S)
    issuer = issuer_of(grafana, tmp_path, settle_s=5)
    new = issuer.issue(ATTEMPT)
    assert new.handle.mark == mark(INSTALLATION, ATTEMPT)
    assert new.handle.expires is not None
    issuer.destroy(new.handle.id)
    assert issuer.listing().find(new.handle.id) is not None, "the list still shows it"
    issuer.destroy(new.handle.id)
    assert grafana.minted == 1


def test_a_list_that_lags_for_longer_than_it_may_is_doubt_and_says_only_what_was_seen(
    grafana: Grafana, tmp_path: Path
) -> None:
    lag(grafana, lambda: 60)
    with pytest.raises(Ambiguous) as caught:
        issuer_of(grafana, tmp_path, settle_s=1).issue(ATTEMPT)
    assert "does not list" in caught.value.message
    assert "removed" not in caught.value.message
    assert len(grafana.instances) == 1


@pytest.mark.parametrize("relabels", [True, False])
def test_a_service_that_replaces_in_place_is_recognised_and_nothing_is_removed(
    bench: Bench, acme: Acme, *, relabels: bool
) -> None:
    acme.mint("key-1", "billing", scopes=["read", "write"], owner=acme.owner, expires=None)
    calls = replacing(acme, relabels=relabels)
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.code == "held.replaced-in-place"
    assert calls == ["create"]
    assert list(acme.instances) == ["key-1"]


def test_an_answer_with_another_one_s_id_removes_only_what_was_made(
    bench: Bench, acme: Acme
) -> None:
    acme.mint("key-1", "billing", scopes=["read", "write"], owner=acme.owner, expires=None)

    def twist(document: Any) -> Any:
        return {**document, "id": "key-1"}

    acme.twist = twist
    with pytest.raises(RotationError) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.code == "http.bad-answer"
    assert list(acme.instances) == ["key-1"]
