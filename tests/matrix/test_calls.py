"""`plan NAME` tells the calls of a rotation: what the services were really asked is what it told."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import ACCOUNT
from providers.http.testing.acme import DECLARATION, PROBE
from providers.postgres.session import Session
from providers.vault.options import STAGING
from rotation.config.loading import load
from rotation.machine.decide import Close
from rotation.permissions import calls
from rotation.plan import ROUTINE
from tests.matrix.http import SCOPES
from tests.matrix.services import Services
from tests.matrix.vault import KV
from tests.matrix.world import Pair, story
from tests.support import stories

Told = set[tuple[str, str]]
"""Call and what it is made on."""

SETS = {under for row in ROUTINE.rows for under in row.sets}
AWS = {"type": "aws", "account": ACCOUNT, "region": "eu-central-1"}
VAULT = {"type": "vault", "address": "http://127.0.0.1:8200", "cluster": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "auth": "token",
         "login_file": "/nowhere/token"}  # fmt: skip
VENDOR = {
    "type": "http",
    "origin": "http://127.0.0.1:1",
    "credentials": {"token": "/nowhere/token"},
}

DATABASE = {"type": "postgres", "host": "127.0.0.1", "database": "db", "user": "runner",
            "system_identifier": "7" * 19, "password_file": "/nowhere/password"}  # fmt: skip
ADOPTION = {"secretsmanager:TagResource"}
"""The claim, which no rotation makes again."""


def configured(directory: Path, name: str, connections: Any, plugins: Any) -> Told:
    """What is told of a secret with that configuration; NAME in it is the name."""
    document = {
        "installation": "0123456789ab",
        "journal": "/nowhere/journal.db",
        "connections": connections,
        "secrets": [
            {
                "id": "app", "application": "app", "environment": "test", "owner": "team",
                "consumers": [{"id": "reader", "type": "store-reader", "refresh": "5m", "accept_elapsed": True}],
                **plugins,
            }
        ],
    }  # fmt: skip
    file = directory / "rotation.yaml"
    file.write_text(json.dumps(document).replace("NAME", name))
    configuration = load(file)
    [entry] = configuration.secrets()
    return {(call.call, call.on) for _, call in calls(configuration, entry) if call.under in SETS}


def rotated(pair: Pair, directory: Path, name: str) -> set[str]:
    """What went over the wire, as `tapped` calls it."""
    one = story(pair, directory / "told", name, None)
    with pair.tapped(), one.journal:
        assert isinstance(stories.routine(one), Close)
    names = [each.partition(" ") for each in one.boundaries.names]
    return {request for when, _, request in names if when == "before"}


# ------------------------------------------------------------------------------ AWS

IAM_KEY = {
    "issuer": {"type": "aws-iam-access-key", "connection": "aws", "user": "NAME"},
    "store": {"type": "aws-secrets-manager", "connection": "aws", "name": "NAME"},
    "probe": {"type": "aws-sts", "connection": "aws"},
    "fields": {"access_key_id": "id", "secret_access_key": "secret"},
}


def test_an_access_key_in_secrets_manager(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    name, pair = fresh_name(), services.pair("aws-iam-access-key", "aws-secrets-manager")
    oracle = services.control.oracle
    since = oracle.called()
    rotated(pair, tmp_path, name)
    seen = {
        f"{call['service']}:{call['operation']}"
        for call in oracle.calls(since=since)
        if call["user_agent"].startswith("rotation/")
    }
    reply = configured(tmp_path, name, {"aws": AWS}, IAM_KEY)
    assert {call for call, _ in reply} - ADOPTION == seen - ADOPTION
    users = {on for call, on in reply if call.startswith("iam:")}
    assert users == {f"arn:aws:iam::{ACCOUNT}:user/{name}"}


# ------------------------------------------------------------------------------ Vault

METHODS = {"read": "GET", "list": "GET", "patch": "PATCH", "delete": "DELETE",
           "create": "WRITE", "update": "WRITE", "POST": "WRITE", "PUT": "WRITE"}  # fmt: skip
ITSELF = ("WRITE", "auth/token/revoke-self")
"""What every token may do with itself is in no policy."""


def of_stream(path: str) -> str:
    """The story's stream is called after the matrix, the configured one after its issuer."""
    return re.sub(r"rotation-pending/(data|metadata)/[^/]+", r"rotation-pending/\1/STREAM", path)


def of_vault(seen: set[str], reply: Told) -> tuple[Told, Told]:
    """What was asked under the name that was told, and what was told of it."""
    asked = {(METHODS.get(method, method), of_stream(path.removeprefix("/v1/")))
             for method, _, path in (each.partition(" ") for each in seen) if path[:4] == "/v1/"}  # fmt: skip
    promised = {(METHODS[capability], of_stream(path)) for capability, path in reply}
    patterns = {re.compile(re.escape(path).replace(r"\+", "[^/]+")): path for _, path in promised}
    return {
        (method, next((name for one, name in patterns.items() if one.fullmatch(path)), path))
        for method, path in asked - {ITSELF}
    }, promised


def test_a_secret_id_in_vault(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    name = fresh_name()
    seen = rotated(services.pair("vault-approle", "vault-kv2"), tmp_path, name)
    plugins = {
        "issuer": {"type": "vault-approle", "connection": "vault", "role": "NAME"},
        "store": {"type": "vault-kv2", "connection": "vault", "mount": KV, "path": "team/NAME"},
        "probe": {"type": "vault-login", "connection": "vault"},
    }
    asked, reply = of_vault(seen, configured(tmp_path, name, {"vault": VAULT}, plugins))
    in_doubt = {
        ("WRITE", f"auth/approle/role/{name}/secret-id/lookup"),  # whether a login told the truth
        ("GET", f"{STAGING}/metadata/STREAM/+"),  # what an earlier rotation left there
        ("WRITE", f"{KV}/data/team/{name}"),  # the first version, which nothing can be merged into
    }
    assert asked == reply - in_doubt
    assert in_doubt < reply


# ------------------------------------------------------------------------------ others


def test_a_login_of_postgresql(
    services: Services,
    fresh_name: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, called, ask = fresh_name(), set(), Session.ask

    def record(session: Session, statement: str, *arguments: str) -> object:
        called.update(re.findall(r"rotation\.\w+(?=\()", statement))
        return ask(session, statement, *arguments)

    monkeypatch.setattr(Session, "ask", record)
    rotated(services.pair("postgres-login, pair", "aws-secrets-manager"), tmp_path, name)
    plugins = {
        **IAM_KEY,
        "issuer": {"type": "postgres-login", "connection": "main", "pair": ["a", "b"]},
        "probe": {"type": "postgres-login", "connection": "main", "query": "select 1"},
        "fields": {"username": "username", "password": "password"},
    }
    reply = configured(tmp_path, name, {"aws": AWS, "main": DATABASE}, plugins)
    ours = {call.partition("(")[0] for call, _ in reply if call.startswith("rotation.")}
    assert called == ours - {"rotation.resume"}  # the way back
    assert ("login, query", "db") in reply


def test_a_key_of_an_api(services: Services, fresh_name: Callable[[], str], tmp_path: Path) -> None:
    name = fresh_name()
    seen = rotated(services.pair("http-api, H2", "aws-secrets-manager"), tmp_path, name)
    plugins = {
        **IAM_KEY,
        "issuer": {
            "type": "http-api", "connection": "vendor", "name": "NAME", "scopes": list(SCOPES),
            "declaration": DECLARATION, "parameters": {"team": "a"}, "expires_in": "300d",
        },
        "probe": {"type": "http-api", "connection": "vendor", "request": PROBE},
        "fields": {"id": "id", "secret": "secret"},
    }  # fmt: skip
    reply = configured(tmp_path, name, {"aws": AWS, "vendor": VENDOR}, plugins)
    promised = {re.escape(call.partition("?")[0]) for call, on in reply if on == VENDOR["origin"]}
    patterns = {re.sub(r"\\\{\w+\\\}", "[^/]+", each) for each in promised}
    asked = {each for each in seen if "/v1/" in each}
    assert {p for p in patterns if any(re.fullmatch(p, each) for each in asked)} == patterns
    assert all(any(re.fullmatch(p, each) for p in patterns) for each in asked)
