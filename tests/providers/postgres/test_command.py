"""By the installed command: what `rotation policy postgres` prints is what an administrator runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD, binaries
from tests.support.postgres import EMERGENCY, RUNNER, Database

MAIN = "from rotation.cli import main; main()"


@pytest.fixture
def configuration(database: Database, the_passwords: dict[str, Path], tmp_path: Path) -> Path:
    path = tmp_path / "rotation.yaml"
    path.write_text(f"""
installation: "0123456789ab"
connections:
  main: {{type: aws, account: "123456789012", region: eu-central-1, endpoint: "http://127.0.0.1:1"}}
  orders-db:
    type: postgres
    host: 127.0.0.1
    port: {database.server.port}
    database: postgres
    system_identifier: "{database.server.system_identifier}"
    user: {RUNNER}
    password_file: {the_passwords[RUNNER]}
    emergency_user: {EMERGENCY}
    emergency_password_file: {the_passwords[EMERGENCY]}
classes: {{production: {{unattended: accepted}}}}
secrets:
  - id: orders-login
    application: orders
    environment: production
    owner: team-orders
    store: {{type: aws-secrets-manager, connection: main, name: orders/db}}
    issuer: {{type: postgres-login, connection: orders-db, group: orders, settings: {{work_mem: 8MB}}}}
    probe: {{type: postgres-login, connection: orders-db, query: "select 1"}}
    consumers:
      - {{id: web, type: store-reader, refresh: 5m, accept_elapsed: true}}
  - id: reports-login
    application: reports
    environment: production
    owner: team-reports
    store: {{type: aws-secrets-manager, connection: main, name: reports/db}}
    issuer: {{type: postgres-login, connection: orders-db, user: reports, in_place: true}}
    value: whole
    probe: {{type: postgres-login, connection: orders-db, query: "select 1", user: reports}}
    consumers:
      - {{id: web, type: store-reader, refresh: 5m, accept_elapsed: true}}
""")
    return path


def run(configuration: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, "-c", str(configuration), *words],
        capture_output=True, text=True, check=False, timeout=50,
        env={"PATH": os.environ["PATH"], "HOME": str(configuration.parent), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


def test_the_configuration_is_right(configuration: Path):
    done = run(configuration, "config", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_login_that_changes_its_name_needs_a_field_for_it(configuration: Path):
    text = configuration.read_text()
    configuration.write_text(
        text.replace(
            "group: orders, settings: {work_mem: 8MB}}", "group: orders}\n    value: whole"
        )
    )
    done = run(configuration, "config", "check")
    assert done.returncode == 2
    assert "username" in done.stdout


def test_what_is_printed_is_run_by_psql(database: Database, configuration: Path):
    printed = run(configuration, "policy", "postgres")
    assert printed.returncode == 0, printed.stderr
    psql = binaries() / "psql"
    if not psql.exists():
        pytest.skip("this server came without psql")
    for _ in range(2):
        done = subprocess.run(
            [psql, "-X", "-q", "-h", "127.0.0.1", "-p", str(database.server.port), "-U", ADMIN,
             "-d", "postgres"],
            input=printed.stdout, capture_output=True, text=True, check=False, timeout=30,
            env={"PGPASSWORD": ADMIN_PASSWORD, "PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "ERROR" not in done.stderr
    rows = database.server.rows(
        "select name, mode, settings from rotation.target where name in ('orders', 'reports') order by 1"
    )
    assert rows == [("orders", "unique", {"work_mem": "8MB"}), ("reports", "in-place", {})]
