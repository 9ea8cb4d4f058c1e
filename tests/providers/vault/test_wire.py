"""What a proxy before Vault makes of an answer."""

from datetime import UTC, datetime

import pytest
import requests

from providers.vault.wire import _understood

AT = "Mon, 30 Nov 2026 07:00:00"


@pytest.mark.parametrize("date", [f"{AT} GMT", f"{AT} -0000", f"{AT} GMT, {AT} GMT"])
def test_vault_s_clock_is_told_however_the_date_is_written(date: str) -> None:
    response = requests.Response()
    response.status_code = 200
    response.headers["Date"] = date
    answer = _understood(response, b"{}", "GET sys/health", {}, repeatable=True)
    assert answer.server_at == datetime(2026, 11, 30, 7, tzinfo=UTC)
