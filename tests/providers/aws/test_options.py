import dataclasses
import subprocess
import sys

import pytest

from providers.aws.options import (
    AccessKeyOptions,
    ConnectionOptions,
    SecretsManagerOptions,
    StsOptions,
)

CONNECTION = ConnectionOptions(account="123456789012", region="eu-central-1")
CONNECTIONS = {"main": CONNECTION}
LOGIN = "canary:canary"
ROLE = "arn:aws:iam::123456789012:role/rotation/observe"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("account", "12345678901"),
        ("account", "12345678901x"),
        ("region", "eu-*"),
        ("region", "Frankfurt"),
        ("roles", {"reading": ROLE}),
        ("roles", {"observe": "arn:aws:iam::123456789012:role/*"}),
        ("roles", {"observe": "arn:aws:iam::123456789012:user/x"}),
        ("roles", {"observe": ROLE.replace("123456789012", "210987654321")}),
        ("external_id", "without-roles"),
        ("endpoint", "https://secretsmanager.example.com"),
        ("endpoint", "http://169.254.169.254"),
        ("endpoint", "file://localhost/etc"),
        ("endpoint", "http://elsewhere.example.com\\@127.0.0.1"),
        ("endpoint", "http://elsewhere.example.com@127.0.0.1"),
        ("endpoint", "http://[::1]\\.elsewhere.example.com"),
        ("endpoint", "http://127.0.0.1/elsewhere"),
        ("proxy", "http://elsewhere.example.com\\@proxy.example.com"),
        ("proxy", "socks5://proxy.example.com"),
        ("proxy", f"http://{LOGIN}@proxy.example.com"),
        ("alarm_trail", "company"),
        ("alarm_trail", "arn:aws:cloudtrail:-:123456789012:trail/company"),
        ("alarm_trail", "arn:aws:cloudtrail:eu-central-1:123456789012:trail/*"),
        ("alarm_trail", "arn:aws:sns:eu-central-1:123456789012:company"),
        ("settle_s", -1),
        ("report_lag_s", -1),
    ],
)
def test_a_connection_refuses_by_the_key(key: str, value):
    with pytest.raises(ValueError, match=key):
        dataclasses.replace(CONNECTION, **{key: value})


@pytest.mark.parametrize("key", ["account", "region", "endpoint", "proxy", "external_id"])
def test_a_refusal_never_quotes_what_it_refused(key: str):
    with pytest.raises(ValueError, match=key) as caught:
        dataclasses.replace(CONNECTION, **{key: f"ftp://{LOGIN}@canary\n"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://127.0.0.1:4566"},
        {"endpoint": "http://localhost:4566"},
        {"endpoint": "https://[::1]:4566"},
        {"proxy": "http://proxy.example.com:3128"},
        {"region": "us-gov-west-1"},
        {"alarm_trail": "arn:aws:cloudtrail:eu-west-3:210987654321:trail/organisation"},
        {"roles": {"observe": ROLE}, "external_id": "ours"},
        {"roles": {"observe": ROLE.replace("arn:aws:", "arn:aws-us-gov:")}},
    ],
)
def test_a_connection_takes_what_is_usual(change: dict):
    dataclasses.replace(CONNECTION, **change)


@pytest.mark.parametrize("user", ["app*", "path/app", "arn:aws:iam::1:user/app", "", "a" * 65, "é"])
def test_a_user_is_one_user(user: str):
    with pytest.raises(ValueError, match="user"):
        AccessKeyOptions(connection="main", user=user)


@pytest.mark.parametrize("name", ["prod/*", "arn:aws:secretsmanager:x:y:secret:z", "", "a b"])
def test_a_secret_is_one_secret(name: str):
    with pytest.raises(ValueError, match="name"):
        SecretsManagerOptions(connection="main", name=name)


@pytest.mark.parametrize("replicas", [("eu-west-1", "eu-west-1"), ("everywhere",)])
def test_replicas_are_regions(replicas: tuple[str, ...]):
    with pytest.raises(ValueError, match="replicas"):
        SecretsManagerOptions(connection="main", name="app", replicas=replicas)


def test_an_identity_is_account_and_user_without_regard_to_case():
    """IAM does not tell App from app: they are one user, one stream, one lock."""
    names = {
        AccessKeyOptions(connection="main", user=user).identity(CONNECTIONS)
        for user in ("App", "app")
    }
    assert names == {"aws-iam/123456789012/app"}


def test_a_store_is_account_and_region():
    options = SecretsManagerOptions(connection="main", name="prod/App")
    assert options.home(CONNECTIONS) == "aws-secrets-manager/123456789012/eu-central-1"
    assert options.location == "prod/App"


def test_a_connection_that_is_not_there_is_named_by_its_key_only():
    with pytest.raises(ValueError, match="connection"):
        AccessKeyOptions(connection="other", user="app").identity(CONNECTIONS)


def test_every_field_is_documented():
    for options in (ConnectionOptions, AccessKeyOptions, SecretsManagerOptions, StsOptions):
        assert all(field.metadata.get("doc") for field in dataclasses.fields(options)), options


def test_options_and_permissions_cost_no_sdk():
    code = (
        "import sys, providers.aws.options, providers.aws.permissions, providers.aws.doctor;"
        "sys.exit(any(name.startswith(('boto', 'urllib3')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
