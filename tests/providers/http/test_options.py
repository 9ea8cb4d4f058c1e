import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from providers.http.declaration import (
    Attempt,
    Create,
    Declaration,
    Item,
    Login,
    Pages,
    Request,
    services,
    typed,
)
from providers.http.options import ConnectionOptions, HttpApiOptions, ProbeOptions
from providers.http.testing.acme import DECLARATION, IDEMPOTENT, PROBE
from rotation.config import ConfigInvalid, Configuration, load
from rotation.config.json_schema import of_document
from rotation.plan.specification import differences, spec_from_json, spec_to_json
from rotation.plugins.registry import Registry
from tests.support.http import declared

CONNECTION = ConnectionOptions(origin="https://api.example.com", credentials={"token": "/run/t"})
LOGIN = "canary:canary"


def changed(**parts: Any) -> dict[str, Any]:
    """The declaration with other parts; None: without it."""
    merged = {k: {**DECLARATION[k], **v} if isinstance(v, dict) else v for k, v in parts.items()}
    return {k: v for k, v in {**DECLARATION, **merged}.items() if v is not None}


# ------------------------------------------------------------------------------ connections


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("origin", "http://api.example.com"),
        ("origin", "http://10.0.0.1"),
        ("origin", "ftp://api.example.com"),
        ("origin", "https://"),
        ("origin", "https://api.example.com/"),
        ("origin", "https://api.example.com/v1"),
        ("origin", "https://api.example.com?x"),
        ("origin", f"https://{LOGIN}@api.example.com"),
        ("origin", "https://API.example.com"),
        ("origin", "https://127.0.0.1@api.example.com"),
        ("credentials", {"token": "the-token-itself"}),
        ("credentials", {"Token": "/run/t"}),
        ("roles", {"reading": {"token": "/run/t"}}),
        ("roles", {"mint": {"token": "the-token-itself"}}),
        ("networks", ("0.0.0.0/0",)),
        ("networks", ("10.0.0.0/99",)),
        ("settle_s", -1),
    ],
)
def test_a_connection_refuses_by_the_key(key: str, value: object) -> None:
    with pytest.raises(
        ValueError, match="credentials" if key == "roles" and "mint" in str(value) else key
    ):
        dataclasses.replace(CONNECTION, **{key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["origin", "credentials"])
def test_a_refusal_never_quotes_what_it_refused(key: str) -> None:
    value: Any = f"ftp://{LOGIN}@canary" if key == "origin" else {"token": "canary"}
    with pytest.raises(ValueError, match=key) as caught:
        dataclasses.replace(CONNECTION, **{key: value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8080", "http://localhost:8080", "https://[2001:db8::1]:8443"]
)
def test_a_connection_takes_what_is_usual(origin: str) -> None:
    dataclasses.replace(CONNECTION, origin=origin)


# ----------------------------------------------------------------------------- declarations


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("list", {"list": None}),
        ("delete", {"delete": None}),
        ("resume", {"resume": None}),
        ("parameters", {"parameters": ["team", "id"]}),
        ("parameters", {"parameters": ["Team"]}),
        ("create", {"create": {"path": "/v1/{nobody}/keys"}}),
        ("list", {"list": {"path": "/v1/keys/{id}"}}),
        ("delete", {"delete": {"path": "/v1/keys/{id}", "body": '{"x": "{item:/id}"}'}}),
        ("path", {"delete": {"path": "/v1/keys/{id}/{expires}"}}),
        ("body", {"create": {"body": '{"name": "{label}", "expires": "{expires}"}'}}),
        ("body", {"create": {"body": '{"name": "{label:date}"}'}}),
        ("body", {"suspend": {"body": '{"was": "{item}"}'}}),
        ("delete", {"delete": {"path": "/v1/teams/{team}/keys"}}),
        ("body", {"create": {"body": '{"name": "fixed"}'}}),
        ("body", {"create": {"body": '{"name": {label}}'}}),
        ("body", {"create": {"body": '{"name": "{label:upper}"}'}}),
        ("idempotency_window_s", {"create": {"idempotency_header": "Idempotency-Key"}}),
        ("path", {"list": {"path": "//evil.example.com/keys"}}),
        ("path", {"list": {"path": "https://evil.example.com/keys"}}),
        ("path", {"list": {"path": "/v1/../admin"}}),
        ("path", {"list": {"path": "/v1/keys#x"}}),
        ("path", {"list": {"path": "/v1/keys HTTP/1.1"}}),
        ("path", {"list": {"path": "/v1/{team:int}/keys"}}),
        ("parameter", {"list": {"parameter": None}}),
        ("next", {"list": {"paging": "cursor"}}),
        ("id", {"item": {"id": "/key"}}),
        ("id", {"item": {"id": "id"}}),
        ("id_pattern", {"item": {"id_pattern": "["}}),
        ("same", {"item": {"same": ["scopes"]}}),
        ("headers", {"login": {"headers": {"Bad Header": "x"}}}),
        ("headers", {"login": {"basic": ["a", "b"]}}),
        ("surprise", {"surprise": "x"}),
    ],
)  # fmt: skip
def test_a_declaration_refuses_by_the_key(key: str, parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=key):
        declared(declaration=changed(**parts))


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("name", {"name": "billing*"}),
        ("name", {"name": "a/b"}),
        ("name", {"name": "x-rot1-y"}),
        ("parameters", {"parameters": {}}),
        ("parameters", {"parameters": {"team": "a", "more": "b"}}),
        ("parameters", {"parameters": {"team": ".."}}),
        ("scopes", {"scopes": ()}),
        ("expires_in_s", {"expires_in_s": None}),
        ("declaration", {"service": "datadog-api-key"}),
        ("service", {"service": "unknown", "declaration": None}),
        ("service", {"service": "../options", "declaration": None}),
    ],
)
def test_an_issuer_refuses_by_the_key(key: str, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=key):
        declared(**more)


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("login", {"login": {"headers": {"X-Key": "fixed"}}}),
        ("login", {"path": "/v1/keys/{secret}"}),
        ("parameters", {"path": "/v1/{team}/whoami"}),
        ("parameters", {"login": {"headers": {"X-Key": "{secret}", "X-Team": "{team}"}}}),
        ("refused", {"refused": [200]}),
        ("refused", {"accepted": []}),
        ("expects", {"expects": {"active": "true"}}),
    ],
)
def test_a_probe_refuses_by_the_key(key: str, more: dict[str, Any]) -> None:
    request: Any = {**PROBE, **more}
    with pytest.raises(ValueError, match=key):
        ProbeOptions(connection="vendor", request=request)


def test_a_life_is_not_longer_than_the_service_gives() -> None:
    with pytest.raises(ValueError, match="expires_in_s"):
        declared(declaration={**DECLARATION, "expires_max_s": 60})


def test_where_the_service_ends_them_by_day_none_lives_for_hours() -> None:
    def gitlab(life_s: int) -> HttpApiOptions:
        return HttpApiOptions(
            connection="vendor", name="billing", service="gitlab-project-access-token",
            parameters={"project": "1", "access_level": "40"}, scopes=("api",), expires_in_s=life_s,
        )  # fmt: skip

    assert gitlab(86_400).life_s == 86_400
    with pytest.raises(ValueError, match="a day at least"):
        gitlab(12 * 3600)


def test_the_connection_must_have_what_the_login_asks_for() -> None:
    assert declared().identity({"vendor": CONNECTION}) == "http/vendor/billing"
    with pytest.raises(ValueError, match="credentials"):
        declared().identity({"vendor": dataclasses.replace(CONNECTION, credentials={})})


def test_traits_follow_from_the_declaration() -> None:
    assert declared().TRAITS.can_suspend
    assert declared().TRAITS.reports_usage
    plain = {k: v for k, v in DECLARATION.items() if k not in {"suspend", "resume"}}
    assert not declared(declaration=plain).TRAITS.can_suspend
    assert declared(declaration=changed(create=IDEMPOTENT)).TRAITS == declared().TRAITS


def test_every_field_is_documented() -> None:
    shapes = (Attempt, ConnectionOptions, Create, Declaration, HttpApiOptions, Item, Login, Pages,
              ProbeOptions, Request)  # fmt: skip
    for shape in shapes:
        assert all(field.metadata.get("doc") for field in dataclasses.fields(shape)), shape


def test_options_and_permissions_cost_no_sdk() -> None:
    code = (
        "import sys, providers.http.options, providers.http.permissions;"
        "sys.exit(any(name.startswith(('urllib3', 'yaml')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------------------- a configuration

CONFIGURATION = """
installation: "0123456789ab"
connections:
  aws: {type: aws, account: "123456789012", region: eu-central-1}
  gitlab: {type: http, origin: https://gitlab.example.com, credentials: {token: /run/gitlab}}
  vendor: {type: http, origin: https://api.example.com, credentials: {token: /run/vendor}}
secrets:
  - id: gitlab
    application: billing
    environment: production
    owner: team-billing
    store: {type: aws-secrets-manager, connection: aws, name: gitlab}
    issuer:
      type: http-api
      connection: gitlab
      service: gitlab-project-access-token
      name: billing deploy
      parameters: {project: "42", access_level: "30"}
      scopes: [read_api]
      expires_in: 120d
    probe: {type: http-api, connection: gitlab, service: gitlab-project-access-token}
    consumers: [{id: app, type: store-reader, refresh: 5m}]
  - id: own
    application: billing
    environment: production
    owner: team-billing
    store: {type: aws-secrets-manager, connection: aws, name: own}
    issuer:
      type: http-api
      connection: vendor
      name: own
      parameters: {team: a}
      scopes: [read]
      expires_in: 120d
      declaration: DECLARATION
    probe: {type: http-api, connection: vendor, request: PROBE}
    consumers: [{id: app, type: store-reader, refresh: 5m}]
"""


def loaded(directory: Path, declaration: dict[str, Any]) -> Configuration:
    text = CONFIGURATION.replace("DECLARATION", json.dumps(declaration))
    path = directory / "rotation.yaml"
    path.write_text(text.replace("PROBE", json.dumps(PROBE)))
    path.chmod(0o600)
    return load(path)


def test_a_configuration_may_name_a_service_or_declare_one(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, DECLARATION)
    own, gitlab = configuration.secret("own"), configuration.secret("gitlab")
    assert own is not None and gitlab is not None
    assert own.identity == "http/vendor/own"
    assert gitlab.identity == "http/gitlab/billing deploy"
    registry = Registry(configuration, clock=None)  # type: ignore[arg-type]  # nothing is called
    for entry, suspends in ((own, True), (gitlab, False)):
        spec = configuration.specification(entry)
        assert registry.traits(spec).can_suspend is suspends
        assert spec.destroy_by_hand is not suspends
        assert registry.bind(spec).issuer.traits == registry.traits(spec)


def test_a_declaration_is_kept_by_the_journal_as_it_was(tmp_path: Path) -> None:
    """What it says now is compared with what the open rotation began with."""
    configuration = loaded(tmp_path, DECLARATION)
    entry = configuration.secret("own")
    assert entry is not None
    spec = configuration.specification(entry)
    stored = spec_from_json(json.loads(json.dumps(spec_to_json(spec))))
    assert differences(stored, spec) == []
    options: Any = stored.issuer.options
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    assert HttpApiOptions(**given).declared == typed(Declaration, DECLARATION)
    elsewhere = loaded(tmp_path, changed(delete={"path": "/v2/{team}/{id}"}))
    edited = elsewhere.secret("own")
    assert edited is not None
    assert differences(stored, elsewhere.specification(edited)) == ["issuer"]


def test_a_mistake_in_a_declaration_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        loaded(tmp_path, changed(list={"path": "//evil.example.com"}))
    reply = [str(finding) for finding in caught.value.findings]
    assert [line for line in reply if "secrets[1].issuer.declaration.list.path: begins" in line]
    assert not [line for line in reply if "evil" in line]


def test_the_schema_shows_what_may_be_declared() -> None:
    text = json.dumps(of_document())
    for key in ("idempotency_header", "id_pattern", "paging", "networks", "accept_changes"):
        assert f'"{key}"' in text


def test_there_are_six_services() -> None:
    assert len(services()) >= 6
