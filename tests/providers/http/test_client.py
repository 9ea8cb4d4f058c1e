"""Where calls go, with what, and how they end."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.http.address import is_allowed, resolve
from providers.http.client import Answer, Budget, HttpConnection, Sent
from providers.http.digest import answer as digest_answer
from providers.http.errors import Call, seconds_to_wait
from providers.http.options import ConnectionOptions
from providers.http.testing.acme import Acme
from providers.http.testing.service import Fault
from rotation.errors import Ambiguous, Denied, NeedsPerson, Permanent, Transient, UsageError
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet
from tests.support.http import INSTALLATION, connected

WHO = Sent(method="GET", path="/v1/whoami", headers={"X-Key": "unknown"})
READ, MINT = Call("look"), Call("mint", repeatable=False)


def connection_to(origin: str, **more: Any) -> HttpConnection:
    options = ConnectionOptions(origin=origin, **more)
    return HttpConnection(options, installation=INSTALLATION, clock=SystemClock())


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name has these addresses; returns what was asked."""
    asked = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


# ------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "169.254.169.254", "169.254.1.1",
        "100.64.0.1", "168.63.129.16", "0.1.2.3", "224.0.0.1", "255.255.255.255",
        "::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::7f00:1",
        "64:ff9b:1::808:808", "fec0::1", "fd00:ec2::23", "fd20:ce::254",
        "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:0a00:0001::1",
    ],
)  # fmt: skip
def test_private_and_link_local_addresses_are_refused(address: str) -> None:
    assert not is_allowed(address, (), loopback=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address, (), loopback=False)


def test_a_private_address_is_allowed_where_its_network_is_listed() -> None:
    assert is_allowed("10.1.2.3", ("10.1.0.0/16",), loopback=False)
    assert not is_allowed("10.2.2.3", ("10.1.0.0/16",), loopback=False)
    for metadata in ("169.254.169.254", "169.254.170.2", "169.254.170.23"):
        for spelled in (metadata, f"::ffff:{metadata}", f"::{metadata}", f"64:ff9b:1::{metadata}"):
            listed = ("169.254.0.0/16", "::/0")
            assert not is_allowed(spelled, listed, loopback=False)
    assert is_allowed("64:ff9b:1::808:808", ("64:ff9b:1::/48",), loopback=False)


def test_one_bad_address_refuses_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "93.184.216.34", "169.254.169.254")
    with pytest.raises(NeedsPerson) as caught:
        resolve("vendor.example", 443, (), loopback=False)
    assert caught.value.code == "http.address"


def test_a_name_without_an_address_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(OSError()))
    with pytest.raises(Transient) as caught:
        resolve("vendor.example", 443, (), loopback=False)
    assert caught.value.code == "http.unresolved"


def test_a_loopback_origin_leads_to_loopback_only(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to(monkeypatch, "10.0.0.1")
    with pytest.raises(NeedsPerson):
        connection_to(acme.origin.replace("127.0.0.1", "localhost")).send(WHO, READ, Budget())


# -------------------------------------------------------------------------------------- TLS


@contextmanager
def serving_tls(directory: Path, name: str) -> Iterator[tuple[int, Path]]:
    """Answers every request with {} under a certificate of that name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Acme() as service:
        plain = service._server.socket
        service._server.socket = context.wrap_socket(plain, server_side=True)
        service._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        yield service._server.server_port, pem


def test_the_certificate_must_be_of_the_name_though_the_address_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_tls(tmp_path, "vendor.example") as (port, pem):
        asked = leads_to(monkeypatch, "127.0.0.1")
        trusting = {"ca_file": str(pem), "networks": ("127.0.0.0/8",)}
        good = connection_to(f"https://vendor.example:{port}", **trusting)
        assert good.send(WHO, READ, Budget()).status == 401
        assert asked == ["vendor.example", "127.0.0.1"], "looked up once, then pinned"
        with pytest.raises(Transient) as caught:
            connection_to(f"https://other.example:{port}", **trusting).send(WHO, READ, Budget())
        assert caught.value.code == "http.unreachable"


def test_an_unknown_authority_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment names it."""
    with serving_tls(tmp_path, "vendor.example") as (port, pem):
        leads_to(monkeypatch, "127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        connection = connection_to(f"https://vendor.example:{port}", networks=("127.0.0.0/8",))
        with pytest.raises(Transient):
            connection.send(WHO, READ, Budget())


def test_keys_of_tls_are_never_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/dev/null")
    with pytest.raises(UsageError, match="SSLKEYLOGFILE"):
        connection_to("https://vendor.example")


def test_no_proxy_of_the_environment_is_used(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert connection_to(acme.origin).send(WHO, READ, Budget()).status == 401


# -------------------------------------------------------------------------- how a call ends


def test_what_never_left_did_not_happen() -> None:
    with pytest.raises(Transient):
        connection_to("http://127.0.0.1:1").send(WHO, MINT, Budget())


@pytest.mark.parametrize("kind", [Fault.LOST, Fault.TRUNCATED])
def test_what_left_and_was_not_answered_may_have_happened(acme: Acme, kind: Fault) -> None:
    connection = connection_to(acme.origin)
    with acme.fault("login", kind), pytest.raises(Ambiguous):
        connection.send(WHO, MINT, Budget()).document(MINT)
    with acme.fault("login", kind), pytest.raises(Transient):
        connection.send(WHO, READ, Budget()).document(READ)


@pytest.mark.parametrize("kind", [Fault.ENDLESS, Fault.HUGE])
def test_an_answer_has_an_end(acme: Acme, kind: Fault) -> None:
    with acme.fault("login", kind), pytest.raises(Transient):
        connection_to(acme.origin).send(WHO, READ, Budget(1.5)).document(READ)


def test_a_header_cannot_be_broken_out_of(acme: Acme) -> None:
    sent = Sent(method="GET", path="/v1/whoami", headers={"X-Key": "a\r\nX-Admin: yes"})
    with pytest.raises(Permanent) as caught:
        connection_to(acme.origin).send(sent, READ, Budget())
    assert caught.value.code == "http.header"
    assert not acme.calls


def test_what_is_sent_and_received_is_not_shown() -> None:
    sent = Sent(method="GET", path="/", headers={"K": "canary"}, document="canary",
                login=("user", "canary"))  # fmt: skip
    got = Answer(status=200, headers={"k": "canary"}, body=b"canary")
    assert "canary" not in f"{sent!r} {got!r}"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "999999"}, 3600),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 -0000",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30,
        ),
        ({}, None),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30,
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_of_the_service_s_clock(
    headers: dict[str, str], seconds: int | None
) -> None:
    assert seconds_to_wait(headers) == seconds


# ------------------------------------------------------------------------------ credentials


def test_a_credential_is_read_afresh_by_each_call(acme: Acme, tmp_path: Path) -> None:
    connection = connected(acme, tmp_path)
    (tmp_path / "token").write_text("renewed-token\n")
    [token] = connection.credentials(PermissionSet.MINT).values()
    assert token.reveal() == "renewed-token"


def test_a_permission_set_may_have_a_credential_of_its_own(acme: Acme, tmp_path: Path) -> None:
    (tmp_path / "reader").write_text("reader-token")
    (tmp_path / "reader").chmod(0o600)
    roles = {"observe": {"token": str(tmp_path / "reader")}}
    connection = connected(acme, tmp_path, roles=roles)
    assert connection.credentials(PermissionSet.OBSERVE)["token"].reveal() == "reader-token"
    assert connection.credentials(PermissionSet.MINT)["token"].reveal() == acme.admin["token"]


def test_a_variable_may_name_the_file(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connected(acme, tmp_path, credentials={"token": "$VENDOR_TOKEN_FILE"})
    with pytest.raises(Denied):
        connection.credentials(PermissionSet.MINT)
    path = tmp_path / "elsewhere"
    path.write_text("token-of-elsewhere")
    path.chmod(0o600)
    monkeypatch.setenv("VENDOR_TOKEN_FILE", str(path))
    assert connection.credentials(PermissionSet.MINT)["token"].reveal() == "token-of-elsewhere"


@pytest.mark.parametrize("wrong", ["missing", "empty", "open", "directory", "binary", "long"])
def test_a_credential_that_others_may_change_or_nobody_can_read_is_refused(
    acme: Acme, tmp_path: Path, wrong: str
) -> None:
    connection = connected(acme, tmp_path)
    path = tmp_path / "token"
    match wrong:
        case "missing":
            path.unlink()
        case "empty":
            path.write_text("\n")
        case "open":
            path.chmod(0o620)
        case "directory":
            path.unlink()
            path.mkdir()
        case "binary":
            path.write_bytes(b"\xff\xfe")
        case "long":
            path.write_text("x" * 70_000)
    with pytest.raises(Denied) as caught:
        connection.credentials(PermissionSet.MINT)
    assert caught.value.code == "http.no-credential"
    assert str(tmp_path) not in caught.value.message


# ----------------------------------------------------------------------------------- digest


def test_digest_is_the_example_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7616, 3.9.1."""
    monkeypatch.setattr(
        "secrets.token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    for algorithm, expected in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        given = digest_answer(
            challenge.format(algorithm),
            user="Mufasa", password="Circle of Life", method="GET", path="/dir/index.html",
        )  # fmt: skip
        assert given is not None
        assert f'response="{expected}"' in given


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        'Digest realm="x", nonce="y"',
        'Digest realm="x", nonce="y", qop="auth", algorithm=MD4',
    ],
)
def test_an_unknown_challenge_is_not_answered(challenge: str) -> None:
    assert digest_answer(challenge, user="u", password="p", method="GET", path="/") is None


# ------------------------------------------------------------------------------ whether it answers


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[str]]]:
    """A service that says nothing else, and the credentials that it was sent."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            got.append(str(self.headers))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 301, 401, 404, 405, 500, 501])
def test_any_answer_shows_that_it_answers(status: int, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("EXAMPLE-admin-key\n")
    file.chmod(0o600)
    with answering(status) as (origin, got):
        own = connection_to(origin, credentials={"key": str(file)}).own_credential()
    assert own.accepted is None, "nobody was asked whether the login is good"
    assert len(got) == 1 and "EXAMPLE-admin-key" not in got[0]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_without_its_service_is_no_answer(status: int) -> None:
    with answering(status) as (origin, _), pytest.raises(Transient) as away:
        connection_to(origin).own_credential()
    assert away.value.code == "http.no-answer"
