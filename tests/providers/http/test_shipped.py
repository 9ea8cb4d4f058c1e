"""Every shipped declaration keeps the contract, against a server that does as its vendor says."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from providers.http.declaration import services, shipped
from providers.http.issuer import HttpApiIssuer
from providers.http.options import HttpApiOptions, ProbeOptions
from providers.http.probe import HttpProbe
from providers.http.testing.accounts import Atlas, Confluent
from providers.http.testing.service import Service
from providers.http.testing.vendors import Cloudflare, Datadog, GitLab, Grafana
from rotation.errors import NeedsPerson
from rotation.testing.issuer import IssuerLife
from rotation.types import Verdict
from tests.support.http import ATTEMPT, MONTH, Bench, connected, context

POLICIES = [{"effect": "allow", "permission_groups": [{"id": "c8"}], "resources": {"zone": "*"}}]


@dataclass(frozen=True)
class Vendor:
    service: Callable[[], Service]
    options: dict[str, Any]
    probe: dict[str, str]


def _vendor(service: Callable[[], Service], probe: dict[str, str] | None = None, **options: Any):
    return Vendor(service, options, probe or {})


VENDORS = {
    "gitlab-project-access-token": _vendor(
        GitLab,
        parameters={"project": "42", "access_level": "30"},
        scopes=("read_api", "read_repository"),
        expires_in_s=MONTH,
    ),
    "grafana-service-account-token": _vendor(
        Grafana, parameters={"service_account": "7"}, expires_in_s=MONTH
    ),
    "datadog-api-key": _vendor(Datadog),
    "cloudflare-account-token": _vendor(
        Cloudflare,
        probe={"account": "0a" * 16},
        parameters={"account": "0a" * 16, "policies": json.dumps(POLICIES)},
        expires_in_s=MONTH,
    ),
    "mongodb-atlas-api-key": _vendor(
        Atlas,
        probe={"organization": Atlas.organization},
        parameters={"organization": Atlas.organization, "roles": '["ORG_MEMBER"]'},
    ),
    "confluent-api-key": _vendor(
        Confluent,
        probe={"resource": "lkc-1"},
        parameters={"owner": "sa-1", "resource": "lkc-1"},
    ),
}


@pytest.fixture(params=VENDORS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def service(name: str) -> Iterator[Service]:
    with VENDORS[name].service() as service:
        yield service


@pytest.fixture
def bench(name: str, service: Service, tmp_path: Path) -> Bench:
    connection = connected(service, tmp_path)
    options = declared(name)
    options.identity({"vendor": connection.options})
    return Bench(HttpApiIssuer(options, context(connection)), service, connection)


def declared(name: str) -> HttpApiOptions:
    return HttpApiOptions(
        connection="vendor", name="billing", service=name, **VENDORS[name].options
    )


def suite(of: str) -> type[IssuerLife]:
    """Faults of calls are the engine's part, tested in test_issuer.py."""

    class TestShipped(IssuerLife, traits=declared(of).TRAITS):
        @pytest.fixture
        def name(self) -> str:
            return of

        @pytest.fixture
        def bench(self, bench: Bench) -> Bench:
            return bench

    return TestShipped


globals().update({f"Test_{of.replace('-', '_')}": suite(of) for of in VENDORS})


def test_every_shipped_declaration_is_tried() -> None:
    assert set(services()) == VENDORS.keys()


def test_every_shipped_declaration_says_where_it_is_from_and_what_it_needs(name: str) -> None:
    declared = shipped(name)
    assert declared.source
    assert all(source.startswith("https://") for source in declared.source)
    assert {"observe", "mint", "revoke", "contain"} <= declared.needs.keys()


def test_the_probe_tells_the_living_from_the_dead_and_the_wrong(
    name: str, bench: Bench, service: Service
) -> None:
    options = ProbeOptions(connection="vendor", service=name, parameters=VENDORS[name].probe)
    probe = HttpProbe(options, context(bench.connection))
    new = bench.issuer.issue(ATTEMPT)
    assert probe.login(new.fields) is Verdict.ACCEPTED
    assert probe.wrong(new.fields) is Verdict.REFUSED
    assert probe.login(new.fields) is Verdict.ACCEPTED
    bench.issuer.destroy(new.handle.id)
    assert probe.login(new.fields) is Verdict.REFUSED


def test_where_a_login_tells_whose_it_is_the_secret_needs_no_id(
    name: str, bench: Bench, service: Service
) -> None:
    given = {"connection": "vendor", "name": "billing", "service": name, **VENDORS[name].options}
    probe = shipped(name).probe
    if probe is None or probe.id is None:
        with pytest.raises(ValueError, match="id_in_secret"):
            HttpApiOptions(**given, id_in_secret=False)
        return
    options = HttpApiOptions(**given, id_in_secret=False)
    assert options.fields() == ("secret",)
    issuer = HttpApiIssuer(options, context(bench.connection))
    new = issuer.issue(ATTEMPT)
    assert not new.fields.public
    assert issuer.handle_of(new.fields, "version-1") == new.handle.id
    issuer.destroy(new.handle.id)
    with pytest.raises(NeedsPerson) as caught:
        issuer.handle_of(new.fields, "version-1")
    assert caught.value.code == "http.nobody-s"


def test_a_long_list_is_read_to_its_end_and_others_are_left_out(
    bench: Bench, service: Service
) -> None:
    made = {bench.issuer.issue(f"{number:032x}").handle.id for number in range(5)}
    for instance in list(service.instances.values())[::2]:
        instance.label = f"somebody-else-{instance.id}"
        if "display_name" in instance.more:
            instance.more["display_name"] = instance.label
        made.discard(instance.id)
    assert bench.issuer.listing().ids == made
    assert len(made) == 2
