"""Where a runner is watched from: loopback, a token, TLS with client certificates, and nothing else."""

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rotation.config.watching import Health, Tls
from rotation.errors import UsageError
from rotation.operations.health import Loops
from rotation.operations.listening import listen, pages
from rotation.runtime.listener import Page

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answer(path: str) -> Page:
    return Page(200, b"ok\n")


@contextmanager
def listening(health: Health) -> Iterator[int]:
    made = listen(health, answer)
    try:
        yield made.server_address[1]
    finally:
        made.end()


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def get(connection: http.client.HTTPConnection, **headers: str) -> int:
    with closing(connection):
        connection.request("GET", "/livez", headers=headers)
        return connection.getresponse().status


def test_a_token_is_read_afresh(tmp_path: Path) -> None:
    file = private(tmp_path / "token", "EXAMPLE-first\n")
    health = Health(listen=f"{LOOPBACK}:{free_port()}", token=str(file))
    with listening(health) as port:
        ask = lambda word: get(  # noqa: E731
            http.client.HTTPConnection(LOOPBACK, port, timeout=10), Authorization=f"Bearer {word}"
        )
        assert (ask("EXAMPLE-first"), ask("EXAMPLE-second")) == (200, 401)
        file.write_text("EXAMPLE-second\n")
        assert (ask("EXAMPLE-first"), ask("EXAMPLE-second")) == (401, 200)
        file.unlink()
        assert ask("EXAMPLE-second") == 503


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_token_that_others_may_read_lets_nothing_listen(tmp_path: Path, mode: int) -> None:
    file, port = private(tmp_path / "token", "EXAMPLE"), free_port()
    file.chmod(mode)
    with pytest.raises(UsageError) as refused:
        listen(Health(listen=f"{LOOPBACK}:{port}", token=str(file)), answer)
    assert refused.value.code == "health.token"
    with closing(socket.socket()) as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0


def certificate(directory: Path, name: str, authority: str | None = None) -> Path:
    made, key = directory / f"{name}.pem", directory / f"{name}.key"
    signer = [] if authority is None else [
        "-CA", str(directory / f"{authority}.pem"), "-CAkey", str(directory / f"{authority}.key"),
    ]  # fmt: skip
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(made), "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=IP:{LOOPBACK}", *signer],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return made


def test_only_clients_of_the_authority_are_answered(tmp_path: Path) -> None:
    for name, authority in (("ca", None), ("other", None), ("server", "ca"), ("client", "ca")):
        certificate(tmp_path, name, authority)
    tls = Tls(
        certificate=str(tmp_path / "server.pem"),
        key=str(tmp_path / "server.key"),
        clients=str(tmp_path / "ca.pem"),
    )

    def ask(port: int, name: str | None) -> int:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if name is not None:
            context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        return get(http.client.HTTPSConnection(LOOPBACK, port, timeout=10, context=context))

    with listening(Health(listen=f"{LOOPBACK}:{free_port()}", tls=tls)) as port:
        assert ask(port, "client") == 200
        for stranger in (None, "other"):
            with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                ask(port, stranger)
        assert ask(port, "client") == 200
        certificate(tmp_path, "server", "ca")  # renewed, while it listens
        assert ask(port, "client") == 200
    (tmp_path / "server.key").chmod(0o644)
    with pytest.raises(UsageError) as refused:
        listen(Health(listen=f"{LOOPBACK}:{free_port()}", tls=tls), answer)
    assert refused.value.code == "health.tls"


def test_a_port_in_use_is_an_error_with_a_way_out() -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as other:
        address = f"{LOOPBACK}:{other.getsockname()[1]}"
        with pytest.raises(UsageError) as refused:
            listen(Health(listen=address), answer)
    assert refused.value.code == "health.not-listening"
    assert address in refused.value.message and "rotations go on" in refused.value.message


def test_livez_is_about_the_process_and_readyz_about_its_services() -> None:
    loops = Loops()

    class Silent:
        silent = ("connection aws has not answered for 61 s",)

    answered = pages(loops, Silent(), lambda: Page(200, b"metrics"))  # type: ignore[arg-type]
    assert answered("/livez") == Page(200, b"ok\n")
    ready = answered("/readyz")
    assert ready is not None and (ready.status, ready.body) == (
        503, b"connection aws has not answered for 61 s\n",
    )  # fmt: skip
    assert answered("/metrics") == Page(200, b"metrics")
    assert answered("/") is None
