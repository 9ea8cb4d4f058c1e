from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from providers.http.client import HttpConnection
from providers.http.options import ProbeOptions
from providers.http.probe import HttpProbe
from providers.http.testing.acme import PROBE, Acme
from providers.http.testing.service import Fault
from rotation.errors import NeedsPerson, Permanent, Transient
from rotation.testing import CallFault
from rotation.testing.probe import ProbeConformance
from rotation.types import Fields, SecretValue, Verdict, contains_live_value
from tests.support.http import context, unreachable


def probe_of(connection: HttpConnection, **more: Any) -> HttpProbe:
    options = ProbeOptions(connection="vendor", request={**PROBE, **more})  # type: ignore[arg-type]
    return HttpProbe(options, context(connection))


def fields_of(secret: str, handle_id: str = "key-1") -> Fields:
    return Fields(public={"id": handle_id}, secret={"secret": SecretValue(secret)})


class Bench:
    def __init__(self, service: Acme, connection: HttpConnection) -> None:
        self.service, self.connection = service, connection
        self.probe = probe_of(connection)

    def good(self) -> Fields:
        return fields_of(self.service.mint("key-1", "billing").secret)

    def dead(self) -> Fields:
        made = self.service.mint("key-2", "billing")
        made.active = False
        return fields_of(made.secret, made.id)

    def traces(self) -> int:
        return 0

    def trouble(self, kind: CallFault) -> AbstractContextManager[None]:
        if kind is CallFault.UNREACHABLE:
            return unreachable(self.connection)
        return self.service.fault("login", Fault(kind.value))


@pytest.fixture
def bench(acme: Acme, connection: HttpConnection) -> Iterator[Bench]:
    return Bench(acme, connection)


class TestConformance(ProbeConformance):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


@pytest.mark.parametrize("kind", [Fault.PAGE, Fault.TRUNCATED, Fault.HUGE])
def test_a_page_that_says_200_is_no_login(bench: Bench, acme: Acme, kind: Fault) -> None:
    with acme.fault("login", kind), pytest.raises(Transient):
        bench.probe.login(bench.good())


@pytest.mark.parametrize("kind", [Fault.REDIRECTED, Fault.DENIED])
def test_an_answer_that_is_not_declared_is_no_verdict(
    bench: Bench, acme: Acme, kind: Fault
) -> None:
    with acme.fault("login", kind), pytest.raises(NeedsPerson) as caught:
        bench.probe.login(bench.good())
    assert caught.value.code == "http.no-verdict"


def test_another_value_than_expected_is_refused(bench: Bench, connection: HttpConnection) -> None:
    strict = probe_of(connection, expects={"/active": "false"})
    assert strict.login(bench.good()) is Verdict.REFUSED
    lost = probe_of(connection, expects={"/status": "active"})
    with pytest.raises(Transient):
        lost.login(bench.good())


def test_a_wrong_secret_has_the_shape_of_the_right_one(
    bench: Bench, acme: Acme, connection: HttpConnection
) -> None:
    seen: list[str] = []
    acme.owner_of = seen.append  # type: ignore[assignment, func-returns-value]
    for secret in ("abcz", "ABZ9-", "----"):
        assert probe_of(connection).wrong(fields_of(secret)) is Verdict.REFUSED
    assert seen == ["abca", "ABZ0-", "----x"]


def test_an_id_is_no_secret(bench: Bench, connection: HttpConnection) -> None:
    """A probe that took the id for one would make every writer refuse it."""
    with_id = probe_of(connection, login={"headers": {"X-Key": "{secret}", "X-Id": "{id}"}})
    assert with_id.login(fields_of("secret-of-nobody", "key-1234567")) is Verdict.REFUSED
    assert not contains_live_value("key-1234567")


def test_a_login_without_a_secret_names_the_field(bench: Bench) -> None:
    with pytest.raises(Permanent) as caught:
        bench.probe.login(Fields(public={"id": "key-1"}))
    assert caught.value.code == "probe.missing-field"


def test_it_never_writes(acme: Acme, bench: Bench, tmp_path: Path) -> None:
    bench.probe.login(bench.good())
    assert acme.calls == ["login"]
