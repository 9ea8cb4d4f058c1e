from pathlib import Path

import pytest

from providers.http.issuer import HttpApiIssuer
from providers.http.testing.acme import DECLARATION, IDEMPOTENT, Acme
from rotation.testing.issuer import IssuerConformance
from tests.providers.http.conftest import Bench, around, connected, declared


class TestConformanceOfH2(IssuerConformance):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


class TestConformanceOfH1(IssuerConformance):
    @pytest.fixture
    def bench(self, acme: Acme, tmp_path: Path) -> Bench:
        create = {**DECLARATION["create"], **IDEMPOTENT}
        options = declared(declaration={**DECLARATION, "create": create})
        connection = connected(acme, tmp_path)
        return Bench(HttpApiIssuer(options, around(connection)), acme, connection, resends=True)
