"""A configuration that was only found: read, but nothing is asked of a service by it."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.support.configured import reply, run


@dataclass
class Listener:
    """Counts who calls it; a login that is sent there is lost."""

    server: socket.socket
    calls: list[bytes] = field(default_factory=list)

    def listen(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(5)
                self.calls.append(peer.recv(4096))

    @property
    def port(self) -> int:
        return int(self.server.getsockname()[1])


@pytest.fixture
def evil() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server)
        threading.Thread(target=listener.listen, daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cloned(tmp_path: Path, evil: Listener, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of somebody else, with a configuration, and a directory inside of it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("STATE_DIRECTORY", str(home))
    monkeypatch.setattr("rotation.runtime.process.harden", lambda: None)
    path = tmp_path / "cloned" / "rotation.yaml"
    path.parent.mkdir(mode=0o700)
    made = run(path, "init", "--journal", str(tmp_path / "journal.db"), "--account", "111122223333",
               "--user", "billing", "--secret", "prod/billing", "--consumer", "billing-api")  # fmt: skip
    assert made.exit_code == 0, made.output
    login = home / "login"
    login.write_text("[default]\naws_access_key_id = A\naws_secret_access_key = EXAMPLE\n")
    login.chmod(0o600)
    text = path.read_text().replace(
        "    type: aws\n",
        f'    type: aws\n    endpoint: "http://127.0.0.1:{evil.port}"\n    credentials_file: {login}\n',
    )
    path.write_text(text)
    (path.parent / "src").mkdir()
    return path


def found(cloned: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Typed by hand inside of the repository, in a process of its own."""
    environment = {key: text for key, text in os.environ.items() if key != "ROTATION_CONFIG"}
    return subprocess.run(
        [sys.executable, "-m", "rotation", *words], cwd=cloned.parent / "src", env=environment,
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("doctor",), ("status", "--connections"), ("plan", "--refresh", "billing")],
)
def test_nothing_is_sent_to_a_host_that_a_cloned_repository_names(
    cloned: Path, evil: Listener, words: tuple[str, ...]
) -> None:
    words = tuple("prod-billing" if word == "billing" else word for word in words)
    done = found(cloned, *words)
    assert "only found by walking up" in done.stdout + done.stderr
    assert f"rotation trust {cloned}" in done.stdout + done.stderr
    assert done.returncode != 0
    assert evil.calls == []


def test_what_needs_no_service_goes_on(cloned: Path, evil: Listener) -> None:
    for words in (("status",), ("plan",), ("config", "check"), ("config", "show"), ("history",)):
        assert found(cloned, *words).returncode == 0, words
    assert evil.calls == []


def test_a_named_one_may_ask(cloned: Path, evil: Listener) -> None:
    found(cloned, "-c", str(cloned), "status", "--connections")
    assert evil.calls


def test_the_way_out_leads_out_until_the_file_changes(cloned: Path, evil: Listener) -> None:
    done = found(cloned, "trust", str(cloned))
    assert done.returncode == 0, done.stderr
    assert "is trusted as it is now: 1 secrets" in done.stdout
    found(cloned, "status", "--connections")
    assert evil.calls
    before = len(evil.calls)
    cloned.write_text(cloned.read_text().replace("refresh: 5m", "refresh: 6m"))
    refused = found(cloned, "status", "--connections")
    assert "cli.config-not-trusted" in refused.stdout + refused.stderr
    assert len(evil.calls) == before
    assert found(cloned, "rotate", "prod-billing").returncode == 2, "to act, it is named"


def test_bindings_that_appear_beside_a_trusted_one_send_nothing(
    cloned: Path, evil: Listener
) -> None:
    key = Path(os.environ["STATE_DIRECTORY"]) / "key"
    for path in (key, key.with_name("token")):
        path.write_text("EXAMPLE")
        path.chmod(0o600)
    api = f"  api: {{type: http, origin: 'http://127.0.0.1:{evil.port}', credentials: {{token: {key}}}}}\n"
    text = cloned.read_text()
    cloned.write_text(
        f"bindings: b.json\n{text.replace('connections:', f'connections:{chr(10)}{api}', 1)}"
    )
    assert found(cloned, "trust", str(cloned)).returncode == 0
    found(cloned, "status", "--connections")
    before = len(evil.calls)
    installation = yaml.safe_load(cloned.read_text())["installation"]
    roles = {"observe": {"token": str(key.with_name("token"))}}
    for given, code in (({"roles": roles}, "config.bindings"), ({}, "cli.config-not-trusted")):
        (cloned.parent / "b.json").write_text(json.dumps(
            {"schema_version": 1, "installation": installation, "connections": {"api": given}}
        ))  # fmt: skip
        (cloned.parent / "b.json").chmod(0o600)
        done = found(cloned, "status", "--connections")
        assert code in done.stdout + done.stderr
        assert len(evil.calls) == before


def test_it_is_remembered_for_this_user_alone(cloned: Path) -> None:
    assert reply(cloned, "trust", str(cloned))["path"] == str(cloned)
    place = Path(os.environ["STATE_DIRECTORY"]) / "trusted.json"
    assert list(json.loads(place.read_text())["files"]) == [str(cloned)]
    place.chmod(0o666)
    refused = found(cloned, "status", "--connections")
    assert "cli.config-not-trusted" in refused.stdout + refused.stderr, (
        "somebody else may have written it"
    )
