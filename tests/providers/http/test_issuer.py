from pathlib import Path

import pytest

from providers.http.issuer import HttpApiIssuer
from providers.http.testing.acme import DECLARATION, IDEMPOTENT, Acme
from rotation.testing.issuer import IssuerConformance
from tests.support.http import Bench, connected, context, declared


class TestConformanceOfH2(IssuerConformance, traits=declared().TRAITS):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


H1 = declared(
    declaration={**DECLARATION, "create": {**DECLARATION["create"], **IDEMPOTENT}},
)


class TestConformanceOfH1(IssuerConformance, traits=H1.TRAITS):
    @pytest.fixture
    def bench(self, acme: Acme, tmp_path: Path) -> Bench:
        connection = connected(acme, tmp_path)
        return Bench(HttpApiIssuer(H1, context(connection)), acme, connection, resends=True)
