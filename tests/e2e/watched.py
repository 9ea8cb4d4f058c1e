"""A running `rotation serve` as somebody outside sees it."""

import http.client
import socket
from contextlib import closing

from tests.e2e.installation import Installation, Served, wait_for
from tests.support.pulse import Watcher

LOOPBACK = "127.0.0.1"
EVERY_S = 1
SILENCE = 3.0 * EVERY_S


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=20)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def says(port: int, path: str) -> tuple[int, str] | None:
    try:
        return get(port, path)
    except OSError:
        return None


def watched(installation: Installation, outside: Watcher, port: int, more: str = "") -> Served:
    file = installation.root / "heartbeat.url"
    file.write_text(outside.url)
    file.chmod(0o600)
    installation.write(
        extra=f"health: {{listen: '{LOOPBACK}:{port}'}}\n"
        f"heartbeat: {{url: {file}, every: {EVERY_S}s}}\n{more}"
    )
    served = installation.serve()
    outside.hears(2)
    return served


def comes(port: int, path: str, status: int) -> str:
    def is_so() -> str | None:
        found = says(port, path)
        return found[1] if found is not None and found[0] == status else None

    text: str = wait_for(is_so, f"{status} of {path}")
    return text
