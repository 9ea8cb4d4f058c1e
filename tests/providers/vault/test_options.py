import subprocess
import sys
from dataclasses import replace

import pytest

from providers.vault.options import ConnectionOptions, KvOptions

LOGIN = "canary:canary"
CLUSTER = "5d3647a5-80e4-8342-a5aa-de992eeeb2fc"
CONNECTION = ConnectionOptions(
    address="https://vault.example.com:8200",
    cluster=CLUSTER,
    role="8c1f",
    login_file="/run/secret-id",
)
KV = KvOptions(connection="main", mount="secret", path="prod/app")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "http://vault.example.com:8200"),
        ("address", "http://169.254.169.254"),
        ("address", f"https://{LOGIN}@vault.example.com"),
        ("address", "https://vault.example.com/v1/secret"),
        ("address", "vault.example.com:8200"),
        ("cluster", "main"),
        ("namespace", "team/*"),
        ("namespace", "../root"),
        ("hosts", ("*.example.com:8200",)),
        ("hosts", ("vault-1.example.com",)),
        ("auth_mount", "approle/+"),
        ("role", None),
        ("role", "a/b"),
        ("login_file", None),
        ("roles", {"reading": "rotation-read"}),
        ("roles", {"observe": "rotation/*"}),
    ],
)
def test_a_connection_that_cannot_be_right(key: str, value: object):
    with pytest.raises(ValueError, match=rf"^{key}"):
        replace(CONNECTION, **{key: value})


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("role", {"auth": "token"}),
        ("wrapped", {"auth": "jwt", "wrapped": True}),
        ("login_file", {"auth": "jwt", "login_file": None}),
    ],
)
def test_a_login_that_cannot_be_right(key: str, change: dict):
    with pytest.raises(ValueError, match=rf"^{key}"):
        replace(CONNECTION, **change)


def test_a_pod_logs_in_with_its_own_token():
    pod = replace(CONNECTION, auth="kubernetes", login_file=None)
    assert pod.file == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert pod.mount == "kubernetes"


def test_this_machine_may_speak_http():
    for host in ("127.0.0.1:8200", "localhost:8200", "[::1]:8200"):
        replace(CONNECTION, address=f"http://{host}")


@pytest.mark.parametrize("key", ["mount", "path", "staging"])
@pytest.mark.parametrize(
    "value", ["", "/a", "a/", "a//b", "a/../b", "a/*", "a/+/b", "{{identity}}"]
)
def test_a_place_has_no_wildcard(key: str, value: str):
    with pytest.raises(ValueError, match=rf"^{key}"):
        replace(KV, **{key: value})


def test_values_are_not_staged_where_they_are_read():
    with pytest.raises(ValueError, match=r"^staging"):
        replace(KV, staging="secret")


def test_a_store_is_its_cluster_and_namespace():
    assert KV.home({"main": CONNECTION}) == f"vault-kv2/{CLUSTER}/-"
    inside = replace(CONNECTION, namespace="team")
    assert KV.home({"main": inside}) == f"vault-kv2/{CLUSTER}/team"
    assert KV.location == "secret/prod/app"
    with pytest.raises(ValueError, match=r"^connection"):
        KV.home({})


def test_complaints_never_repeat_what_was_written():
    with pytest.raises(ValueError, match=r"^address") as caught:
        replace(CONNECTION, address=f"https://{LOGIN}@vault.example.com")
    assert LOGIN not in str(caught.value)


def test_options_are_known_without_the_library():
    code = "import sys, providers.vault.options; sys.exit('hvac' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
