"""A real Vault on this machine, which ends with the process that started it."""

import ctypes
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers.vault.testing import binary

STARTS_WITHIN_S = 30
_PR_SET_PDEATHSIG = 1
# Vault reports times in its host's zone, which is never the zone of the tests here.
ZONE = "Asia/Tokyo"


class Refused(Exception):
    """An answer without success, with the details that a test's author needs."""

    def __init__(self, status: int, errors: object) -> None:
        super().__init__(f"{status}: {errors}")
        self.status = status


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


@dataclass
class VaultServer:
    """One node. storage: `inmem` forgets when it stops; `file` and `raft` do not, and `raft` can
    step down. root: the token that may do everything. tls: certificate and key of a second
    listener, at `tls_address`."""

    directory: Path
    storage: str = "inmem"
    port: int = field(default_factory=free_port)
    root: str = ""
    key: str = ""
    cluster: str = ""
    tls: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.tls_port = free_port()
        self.tls_address = f"https://127.0.0.1:{self.tls_port}"
        self.address = f"http://127.0.0.1:{self.port}"
        self.audit = self.directory / "audit.log"
        self.log = self.directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts and unseals it. The first time it is also initialised and gets its audit log."""
        program = binary.found()
        assert program is not None, binary.MISSING
        config = self.directory / "config.json"
        config.write_text(json.dumps(self._config()))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 -- found by us
                [program, "server", f"-config={config}"],
                env={"HOME": str(self.directory), "TZ": ZONE},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_the_parent,  # noqa: PLW1509 -- one call of the system
            )
        self._wait(lambda: self.api("GET", "sys/seal-status") is not None)
        if not self.root:
            begun = self.api("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.root, self.key = begun["root_token"], begun["keys"][0]
        self.unseal()
        if not self.audit.exists():
            options = {"file_path": str(self.audit)}
            self.api("PUT", "sys/audit/file", {"type": "file", "options": options})

    def unseal(self) -> None:
        self.api("PUT", "sys/unseal", {"key": self.key})
        self._wait(lambda: self.api("GET", "sys/health") is not None)
        self.cluster = self.api("GET", "sys/health")["cluster_id"]

    def seal(self) -> None:
        self.api("PUT", "sys/seal")

    def is_sealed(self) -> bool:
        return bool(self.api("GET", "sys/seal-status")["sealed"])

    def step_down(self) -> None:
        self.api("PUT", "sys/step-down")

    def stop(self) -> None:
        """Stops it as a power failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def api(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> dict[str, Any]:
        """A request of a person or the infrastructure: as root, unless a token is given."""
        headers = {
            "X-Vault-Token": self.root if token is None else token,
            "X-Vault-Request": "true",
        }
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        request = urllib.request.Request(  # noqa: S310 -- this machine's own
            f"{self.address}/v1/{path}",
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=20) as response:
                text = response.read()
        except urllib.error.HTTPError as refusal:
            text = refusal.read()
            raise Refused(refusal.code, json.loads(text or b"{}").get("errors")) from None
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer

    def policy(self, name: str, rules: Mapping[str, list[str]]) -> None:
        paths = {path: {"capabilities": capabilities} for path, capabilities in rules.items()}
        self.api("PUT", f"sys/policies/acl/{name}", {"policy": json.dumps({"path": paths})})

    def token(self, *policies: str, **more: Any) -> str:
        """A token with these policies and no other rights."""
        body = {"policies": policies, "no_default_policy": True, "ttl": "1h", **more}
        made = self.api("POST", "auth/token/create-orphan", body)["auth"]
        return str(made["client_token"])

    def mount_kv(self, path: str, **options: str) -> None:
        """Mounts KV version 2; new mounts need a moment until they accept values."""
        self.api("POST", f"sys/mounts/{path}", {"type": "kv", "options": {"version": "2"}})
        if options:
            self._wait(lambda: self.api("POST", f"{path}/config", options) is not None)
        self._wait(lambda: self.api("GET", f"{path}/config") is not None)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests in the audit log, in order; `since` counts lines."""
        return [
            entry
            for line in self._audit()[since:]
            if (entry := json.loads(line))["type"] == "request"
        ]

    def audited(self) -> int:
        return len(self._audit())

    def _audit(self) -> list[str]:
        """Its whole lines: others may be asking."""
        return self.audit.read_text().rpartition("\n")[0].splitlines()

    def _config(self) -> dict[str, Any]:
        storage: dict[str, str] = {}
        if self.storage != "inmem":
            data = self.directory / "data"
            data.mkdir(exist_ok=True)
            storage = {"path": str(data)}
        if self.storage == "raft":
            storage["node_id"] = "one"
        return {
            "storage": {self.storage: storage},
            "listener": self._listeners(),
            "api_addr": self.address,
            "cluster_addr": f"https://127.0.0.1:{free_port()}",
            "disable_mlock": True,
            "log_level": "error",
        }

    def _listeners(self) -> list[dict[str, Any]]:
        listeners: list[dict[str, Any]] = [
            {"tcp": {"address": f"127.0.0.1:{self.port}", "tls_disable": True}}
        ]
        if self.tls is not None:
            certificate, key = map(str, self.tls)
            address = {"address": f"127.0.0.1:{self.tls_port}"}
            listeners.append(
                {"tcp": {**address, "tls_cert_file": certificate, "tls_key_file": key}}
            )
        return listeners

    def _wait(self, until: Callable[[], bool]) -> None:
        end, never = time.monotonic() + STARTS_WITHIN_S, threading.Event()
        while True:
            try:
                if until():
                    return
            except (OSError, Refused):
                if time.monotonic() > end:
                    raise
            assert self.process is None or self.process.poll() is None, self.log.read_text()[-2000:]
            never.wait(0.02)


@contextmanager
def running(
    directory: Path, storage: str = "inmem", *, tls: tuple[Path, Path] | None = None
) -> Iterator[VaultServer]:
    server = VaultServer(directory, storage, tls=tls)
    try:
        server.start()
        yield server
    finally:
        server.stop()
