"""What the connection itself logs in with, as Vault tells it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from providers.vault.clients import VaultConnection
from rotation.errors import Denied, LoginRefused
from tests.real.vault_server import VaultServer

Connect = Callable[..., VaultConnection]


def test_a_token_tells_its_age_and_its_end(vault: VaultServer, connect: Connect) -> None:
    made = vault.api("POST", "auth/token/create", {"ttl": "1h"})["auth"]
    own = connect(given=made["client_token"]).own_credential()
    assert (own.kind, own.id) == ("token", made["accessor"])
    assert own.created is not None
    assert own.expires is not None
    assert abs((own.expires - own.created).total_seconds() - 3600) < 5


def test_a_token_that_is_gone_is_denied(vault: VaultServer, connect: Connect) -> None:
    made = vault.api("POST", "auth/token/create", {"ttl": "1h"})["auth"]
    connection = connect(given=made["client_token"])
    vault.api("POST", "auth/token/revoke", {"token": made["client_token"]})
    with pytest.raises(Denied) as refusal:
        connection.own_credential()
    assert isinstance(refusal.value, LoginRefused)


def test_a_file_that_is_empty_is_no_refusal(connect: Connect) -> None:
    with pytest.raises(Denied) as refusal:
        connect(given="").own_credential()
    assert not isinstance(refusal.value, LoginRefused)


@pytest.mark.parametrize("may_look", [True, False])
def test_a_secret_id_tells_its_own_age_where_we_may_look(
    vault: VaultServer, connect: Connect, fresh_name: str, monkeypatch: pytest.MonkeyPatch,
    *, may_look: bool,
) -> None:  # fmt: skip
    path = f"auth/{fresh_name}/role/runner"
    vault.api("POST", f"sys/auth/{fresh_name}", {"type": "approle"})
    rule = f'path "{path}/secret-id/lookup" {{ capabilities = ["update"] }}' if may_look else ""
    vault.api("PUT", f"sys/policies/acl/{fresh_name}", {"policy": rule or "# nothing"})
    vault.api("POST", path, {"token_policies": fresh_name, "secret_id_ttl": "24h"})
    role_id = vault.api("GET", f"{path}/role-id")["data"]["role_id"]
    given = vault.api("POST", f"{path}/secret-id")["data"]
    connection = connect(
        given=given["secret_id"], auth="approle", auth_mount=fresh_name, role=role_id
    )
    own = connection.own_credential()
    assert own.kind == "secret id"
    assert own.id == (given["secret_id_accessor"] if may_look else None)
    assert (own.expires is not None and own.expires > datetime.now(UTC)) == may_look
    sent, wire = [], connection._wire.send
    monkeypatch.setattr(connection._wire, "send", lambda *a, **m: sent.append(a) or wire(*a, **m))
    assert connection.own_credential() == own
    assert len(sent) == (2 if may_look else 1), "a refusal is not asked for again and again"
