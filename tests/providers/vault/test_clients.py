import base64
import ipaddress
import json
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from providers.vault.clients import VaultConnection
from rotation.errors import Denied, NeedsPerson, RotationError, Transient, UsageError
from rotation.types import PermissionSet, contains_live_value
from tests.real.vault_server import Refused, VaultServer, free_port, running

OBSERVE, MINT = PermissionSet.OBSERVE, PermissionSet.MINT
LOOK = "auth/token/lookup-self"


class ClockByHand:
    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed


@pytest.fixture
def clock() -> ClockByHand:
    return ClockByHand()


def whoami(connection: VaultConnection, under: PermissionSet = OBSERVE) -> dict:
    return dict(connection.call("GET", LOOK, under=under).data)


def asked(vault: VaultServer, since: int) -> list[str]:
    return [entry["request"]["path"] for entry in vault.requests(since)]


@pytest.fixture
def approle(vault: VaultServer, fresh_name: str) -> dict:
    """An AppRole for ourselves: mount, role id, and its path."""
    vault.api("POST", f"sys/auth/{fresh_name}", {"type": "approle"})
    path = f"auth/{fresh_name}/role/runner"
    vault.api("POST", path, {"token_ttl": "30m", "token_max_ttl": "1h"})
    role_id = vault.api("GET", f"{path}/role-id")["data"]["role_id"]
    return {"path": path, "options": {"auth": "approle", "auth_mount": fresh_name, "role": role_id}}


@pytest.fixture
def secret_id(vault: VaultServer, approle: dict) -> str:
    return vault.api("POST", f"{approle['path']}/secret-id")["data"]["secret_id"]


@pytest.mark.usefixtures("lone_vault")
def test_one_login_serves_all_threads(vault, connect, approle, secret_id):
    connection = connect(given=secret_id, **approle["options"])
    since = vault.audited()
    with ThreadPoolExecutor(16) as pool:
        accessors = {each["accessor"] for each in pool.map(lambda _: whoami(connection), range(32))}
    assert len(accessors) == 1
    assert sum(path.endswith("/login") for path in asked(vault, since)) == 1


@pytest.mark.usefixtures("lone_vault")
def test_another_cluster_gets_neither_login_nor_call(vault, connect, approle, secret_id):
    connection = connect(
        given=secret_id, cluster="00000000-0000-0000-0000-000000000000", **approle["options"]
    )
    since = vault.audited()
    with pytest.raises(NeedsPerson) as caught:
        whoami(connection)
    assert caught.value.code == "vault.wrong-cluster"
    assert asked(vault, since) == []


def test_a_vault_without_namespaces_is_not_taken_for_one(connect):
    with pytest.raises(NeedsPerson) as caught:
        whoami(connect(namespace="team"))
    assert caught.value.code == "vault.no-namespaces"


@pytest.mark.usefixtures("lone_vault")
def test_a_login_is_renewed_ahead_of_its_end(vault, connect, approle, secret_id, clock):
    connection = connect(given=secret_id, clock=clock, **approle["options"])
    first = whoami(connection)["accessor"]
    since = vault.audited()
    clock.passed = timedelta(minutes=21)
    assert whoami(connection)["accessor"] == first
    assert asked(vault, since)[0] == "auth/token/renew-self"
    assert not any(path.endswith("/login") for path in asked(vault, since))


def test_where_it_cannot_be_renewed_another_login_is_made(
    vault, connect, approle, secret_id, clock
):
    vault.api("POST", approle["path"], {"token_max_ttl": "30m"})
    connection = connect(given=secret_id, clock=clock, **approle["options"])
    first = whoami(connection)["accessor"]
    vault.api("POST", "auth/token/revoke-accessor", {"accessor": first})
    clock.passed = timedelta(minutes=21)
    assert whoami(connection)["accessor"] != first


def test_a_login_that_ends_meanwhile_is_made_again(vault, connect, approle, secret_id):
    connection = connect(given=secret_id, **approle["options"])
    first = whoami(connection)["accessor"]
    vault.api("POST", "auth/token/revoke-accessor", {"accessor": first})
    with pytest.raises(Transient) as caught:
        whoami(connection)
    assert caught.value.code == "vault.session-over"
    assert whoami(connection)["accessor"] != first


def test_nothing_of_ours_is_left_behind(vault, connect, approle, secret_id):
    connection = connect(given=secret_id, **approle["options"])
    accessor = whoami(connection)["accessor"]
    connection.close()
    with pytest.raises(Refused):
        vault.api("POST", "auth/token/lookup-accessor", {"accessor": accessor})


def test_a_token_from_a_file_is_not_ours_to_end(vault, connect):
    token = vault.token(no_default_policy=False)
    connection = connect(given=token)
    whoami(connection)
    connection.close()
    assert vault.api("GET", LOOK, token=token)


@pytest.fixture
def role(vault: VaultServer, fresh_name: str) -> str:
    vault.api("POST", f"auth/token/roles/{fresh_name}", {"allowed_policies": ["default"]})
    return fresh_name


def test_what_was_taken_with_a_token_from_a_file_is(vault, connect, role):
    connection = connect(roles={"observe": role})
    taken = whoami(connection)["accessor"]
    connection.close()
    with pytest.raises(Refused):
        vault.api("POST", "auth/token/lookup-accessor", {"accessor": taken})


def test_a_set_with_a_role_has_a_token_of_its_own(vault, connect, role):
    connection = connect(roles={"observe": role})
    assert whoami(connection)["policies"] == ["default"]
    assert whoami(connection)["display_name"] == "token-rotation-0123456789ab"
    assert whoami(connection)["accessor"] == whoami(connection)["accessor"]
    assert "root" in whoami(connection, MINT)["policies"]


def test_the_token_of_a_set_is_replaced_ahead_of_its_end(vault, connect, role, clock):
    connection = connect(roles={"observe": role}, clock=clock)
    first = whoami(connection)["accessor"]
    clock.passed = timedelta(minutes=21)
    assert whoami(connection)["accessor"] != first


def test_a_set_that_is_refused_its_role_does_nothing(vault, connect, fresh_name):
    connection = connect(roles={"observe": fresh_name}, given=vault.token(no_default_policy=False))
    with pytest.raises(Denied):
        whoami(connection)


def test_a_login_that_ends_before_a_set_takes_its_token_is_made_again(
    vault, connect, approle, secret_id, role
):
    vault.policy(role, {f"auth/token/create/{role}": ["update"]})
    vault.api("POST", approle["path"], {"token_policies": [role]})
    connection = connect(given=secret_id, roles={"observe": role}, **approle["options"])
    login = whoami(connection, MINT)["accessor"]
    vault.api("POST", "auth/token/revoke-accessor", {"accessor": login})
    with pytest.raises(Transient) as caught:
        whoami(connection)
    assert caught.value.code == "vault.session-over"
    assert whoami(connection)["role"] == role


def test_a_child_that_ends_does_not_end_the_login(vault, connect, approle, secret_id, role):
    vault.policy(role, {f"auth/token/create/{role}": ["update"]})
    vault.api("POST", approle["path"], {"token_policies": [role]})
    connection = connect(given=secret_id, roles={"observe": role}, **approle["options"])
    login, child = whoami(connection, MINT), whoami(connection)
    vault.api("POST", "auth/token/revoke-accessor", {"accessor": child["accessor"]})
    with pytest.raises(Transient):
        whoami(connection)
    assert whoami(connection)["accessor"] != child["accessor"]
    assert whoami(connection, MINT)["accessor"] == login["accessor"]


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_without_a_login_nothing_is_sent(connect, tmp_path, text):
    file = tmp_path / "nothing"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Denied) as caught:
        whoami(connect(login_file=str(file)))
    assert caught.value.code == "vault.login-file"


def test_a_login_that_others_may_change_is_not_sent(connect, tmp_path):
    file = tmp_path / "anybodys"
    file.write_text("a-secret-id")
    file.chmod(0o666)
    with pytest.raises(Denied) as caught:
        whoami(connect(login_file=str(file)))
    assert caught.value.code == "vault.login-file"


def test_a_wrong_secret_id_is_our_own_trouble(connect, approle):
    with pytest.raises(Denied) as caught:
        whoami(connect(given="not-it", **approle["options"]))
    assert caught.value.code == "vault.credentials"


def wrapped(vault: VaultServer, path: str) -> str:
    """A wrapping token of what a POST to that path answers."""
    request = urllib.request.Request(  # noqa: S310 -- this machine's own
        f"{vault.address}/v1/{path}",
        method="POST",
        headers={"X-Vault-Token": vault.root, "X-Vault-Wrap-TTL": "60"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)["wrap_info"]["token"]


def test_a_wrapped_secret_id_is_unwrapped_once_and_kept(vault, connect, approle, clock):
    token = wrapped(vault, f"{approle['path']}/secret-id")
    connection = connect(given=token, wrapped=True, clock=clock, **approle["options"])
    first = whoami(connection)["accessor"]
    vault.api("POST", "auth/token/revoke-accessor", {"accessor": first})
    clock.passed = timedelta(minutes=21)
    assert whoami(connection)["accessor"] != first


def test_a_secret_id_that_somebody_unwrapped_is_an_alarm(vault, connect, approle):
    token = wrapped(vault, f"{approle['path']}/secret-id")
    vault.api("POST", "sys/wrapping/unwrap", token=token)
    with pytest.raises(Denied) as caught:
        whoami(connect(given=token, wrapped=True, **approle["options"]))
    assert caught.value.code == "vault.unwrapped"


def test_a_wrapping_of_something_else_is_not_opened(vault, connect, approle):
    token = wrapped(vault, "sys/wrapping/wrap")
    with pytest.raises(Denied) as caught:
        whoami(connect(given=token, wrapped=True, **approle["options"]))
    assert caught.value.code == "vault.wrapped-elsewhere"
    assert vault.api("POST", "sys/wrapping/lookup", {"token": token})


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(key: rsa.RSAPrivateKey, claims: dict) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    text = ".".join(map(_encoded, parts))
    return f"{text}.{_encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_a_jwt_logs_in(vault, connect, fresh_name, key):
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    vault.api("POST", f"sys/auth/{fresh_name}", {"type": "jwt"})
    vault.api("POST", f"auth/{fresh_name}/config", {"jwt_validation_pubkeys": [public.decode()]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_subject": "runner", "token_ttl": "5m"}
    vault.api("POST", f"auth/{fresh_name}/role/runner", role)
    now = int(datetime.now(UTC).timestamp())
    given = signed(key, {"sub": "runner", "iat": now, "exp": now + 300})
    connection = connect(given=given, auth="jwt", auth_mount=fresh_name, role="runner")
    assert whoami(connection)["path"] == f"auth/{fresh_name}/login"


def test_a_pod_logs_in(vault, connect, fresh_name, key):
    account = "kubernetes.io/serviceaccount"
    claims = {
        "iss": "kubernetes/serviceaccount",
        f"{account}/namespace": "ops",
        f"{account}/service-account.name": "runner",
        f"{account}/service-account.uid": "1",
    }
    user = {"username": "system:serviceaccount:ops:runner", "uid": "1"}
    review = {"status": {"authenticated": True, "user": user}}
    with answering((201, {}, json.dumps(review).encode())) as (cluster, asked_of_it):
        vault.api("POST", f"sys/auth/{fresh_name}", {"type": "kubernetes"})
        vault.api(
            "POST",
            f"auth/{fresh_name}/config",
            {
                "kubernetes_host": cluster,
                "token_reviewer_jwt": signed(key, claims),
                "disable_local_ca_jwt": True,
            },
        )
        role = {
            "bound_service_account_names": ["runner"],
            "bound_service_account_namespaces": ["ops"],
            "token_ttl": "5m",
        }
        vault.api("POST", f"auth/{fresh_name}/role/runner", role)
        connection = connect(
            given=signed(key, claims), auth="kubernetes", auth_mount=fresh_name, role="runner"
        )
        assert whoami(connection)["path"] == f"auth/{fresh_name}/login"
    assert "tokenreviews" in asked_of_it[0][1]


@contextmanager
def answering(*answers: tuple[int, dict, bytes]) -> Iterator[tuple[str, list]]:
    """A server that gives these answers in turn; its address, and the requests that it got."""
    left, got = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            got.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            status, headers, body = left.pop(0) if left else (500, {}, b"")
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_any  # noqa: N815 -- as the standard library names them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


def standby(location: str) -> tuple[int, dict, bytes]:
    return 307, {"Location": location}, b""


def test_a_standby_sends_us_on_to_a_node_that_we_name(vault, connect):
    node = vault.address.removeprefix("http://")
    answers = [standby(f"{vault.address}/v1/anything")] * 3
    with answering(*answers) as (address, got):
        connection = connect(address=address, hosts=(node,))
        assert "root" in whoami(connection)["policies"]
    assert [path for _, path, _, _ in got][1:] == [f"/v1/{LOOK}"] * 2


@pytest.mark.parametrize(
    "location",
    ["http://elsewhere.example.com:8200/v1/x", "https://127.0.0.1:1/v1/x", "//x", "", "file:///x"],
)
def test_nobody_else_is_followed_and_no_token_goes_there(vault, connect, location):
    with answering(standby(location)) as (address, got):
        connection = connect(address=address, hosts=("vault-1.example.com:8200",))
        with pytest.raises(NeedsPerson) as caught:
            connection.send("GET", LOOK, token=None)
    assert caught.value.code == "vault.redirect"
    assert len(got) == 1


def test_one_host_sends_us_on_once(vault, connect):
    with answering() as (second, later):
        node = second.removeprefix("http://")
        with answering(standby(f"{second}/v1/x")) as (first, _):
            connection = connect(address=first, hosts=(node,))
            with pytest.raises(RotationError):
                connection.send("GET", LOOK, token=None)
    assert len(later) == 1


@pytest.mark.parametrize(
    "body", [b"<html>proxy</html>", b'{"data": ', b"[1]"], ids=["page", "broken", "list"]
)
def test_an_answer_that_is_none_is_no_answer(connect, body):
    with answering((200, {}, body)) as (address, _), pytest.raises(Transient) as caught:
        connect(address=address).send("GET", LOOK, token=None)
    assert caught.value.code == "vault.no-answer"


def test_a_request_that_is_asked_to_wait_says_how_long(connect):
    answers = answering((429, {"Retry-After": "7"}, b"{}"))
    with answers as (address, _), pytest.raises(Transient) as caught:
        connect(address=address).send("GET", LOOK, token=None)
    assert caught.value.retry_after == 7


def test_who_is_not_there_got_nothing(connect):
    with pytest.raises(Transient) as caught:
        connect(address=f"http://127.0.0.1:{free_port()}").send(
            "POST", "x", token=None, repeatable=False
        )
    assert caught.value.code == "vault.unreachable"


def test_who_takes_the_request_and_dies_leaves_it_in_doubt(connect):
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def take() -> None:
            taken, _ = listening.accept()
            taken.recv(100)
            taken.close()

        threading.Thread(target=take, daemon=True).start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(RotationError) as caught:
            connect(address=address).send("POST", "x", token=None, repeatable=False)
    assert caught.value.code == "vault.no-answer"


@pytest.mark.usefixtures("lone_vault")
def test_a_sealed_vault_gets_no_login(vault, connect, approle, secret_id):
    connection = connect(given=secret_id, **approle["options"])
    vault.seal()
    try:
        with pytest.raises(Transient) as caught:
            whoami(connection)
        assert caught.value.code == "vault.sealed"
    finally:
        vault.unseal()
    assert whoami(connection)


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "NETRC"])
def test_a_runner_refuses_what_would_write_its_secrets_down(connect, monkeypatch, name):
    monkeypatch.setenv(name, "/dev/null")
    with pytest.raises(UsageError):
        connect()


def test_nothing_of_the_environment_leads_us_elsewhere(connect, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.elsewhere")
    assert whoami(connect())


def test_no_token_is_logged(vault, connect, approle, secret_id, caplog):
    caplog.set_level(logging.DEBUG)
    connection = connect(given=secret_id, **approle["options"])
    whoami(connection)
    assert not contains_live_value(caplog.text)
    assert not contains_live_value(f"{connection.__dict__}")


@pytest.mark.slow
def test_a_leader_that_steps_down_is_waited_for(tmp_path, connect):
    with running(tmp_path / "raft", "raft") as server:
        (tmp_path / "root").write_text(server.root)
        connection = connect(
            address=server.address, cluster=server.cluster, login_file=str(tmp_path / "root")
        )
        whoami(connection)
        server.step_down()
        codes: set[str] = set()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                whoami(connection)
                break
            except Transient as error:
                codes.add(error.code)
                time.sleep(0.05)
        assert codes <= {"vault.standby", "vault.no-answer", "vault.sealed"}
        assert whoami(connection)


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[VaultServer, Path]]:
    """A Vault with TLS, and the authority that signed for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault of a test")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = tmp_path / "authority.crt", tmp_path / "server-key"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with running(tmp_path / "tls", tls=(authority, private)) as server:
        yield server, authority


def test_a_certificate_is_believed_only_from_the_named_authority(encrypted, connect, tmp_path):
    server, authority = encrypted
    (tmp_path / "root").write_text(server.root)
    change = {
        "address": server.tls_address,
        "cluster": server.cluster,
        "login_file": str(tmp_path / "root"),
    }
    assert "root" in whoami(connect(**change, ca_bundle=str(authority)))["policies"]
    with pytest.raises(Transient) as caught:
        whoami(connect(**change))
    assert caught.value.code == "vault.unreachable"
