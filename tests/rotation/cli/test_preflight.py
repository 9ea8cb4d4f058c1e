"""What `doctor` asks about permissions, of families that have roles and of those that have none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rotation.config import load
from rotation.operations.preflight import permissions

NO_ROLES = """
installation: "0123456789ab"
connections:
  db: {type: postgres, host: 127.0.0.1, database: app, system_identifier: "7361538120944532901",
       user: rotation, password_file: /run/db}
  vault: {type: vault, address: "http://127.0.0.1:8200", auth: token, login_file: /run/vault,
          cluster: 5d3647a5-80e4-8342-a5aa-de992eeeb2fc}
secrets:
  - id: orders
    application: orders
    environment: production
    owner: team
    store: {type: vault-kv2, connection: vault, mount: secret, path: orders}
    issuer: {type: postgres-login, connection: db, group: orders}
    probe: {type: postgres-login, connection: db, query: select 1}
    consumers: [{id: api, type: store-reader, refresh: 5m, accept_elapsed: true}]
"""


def test_a_family_without_roles_is_not_asked_for_them(tmp_path: Path) -> None:
    path = tmp_path / "rotation.yaml"
    path.write_text(NO_ROLES)
    path.chmod(0o600)
    session: Any = SimpleNamespace(configuration=load(path))
    assert list(permissions(session, ["orders"])) == []
