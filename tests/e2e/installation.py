"""Real processes: `rotation` as it is installed, against strict AWS in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from providers.aws.testing import ADMIN, StrictControl, spawn_strict_aws
from rotation.cli.app import program

MAIN = "from rotation.cli import main; main()"
DAY = 86_400
PATIENCE = 40.0


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: it never came"
        time.sleep(0.02)
    return found


@dataclass
class Served:
    """A `rotation serve`, and what it logged."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def read(self) -> None:
        lines = self.process.stderr
        assert lines is not None

        def read() -> None:
            with lines:
                for line in lines:
                    with suppress(ValueError):
                        self.events.append(json.loads(line))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") == name]

    def await_event(self, name: str) -> dict[str, Any]:
        def come() -> list[dict[str, Any]]:
            assert self.process.poll() is None or self.named(name), self.events[-3:]
            return self.named(name)

        found: dict[str, Any] = wait_for(come, name)[0]
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(40)
        assert self._reader is not None
        self._reader.join(5)
        return code, time.monotonic() - began


@dataclass
class Installation:
    """One secret of its own in the shared strict AWS, an IAM key that is 100 days old."""

    root: Path
    aws: StrictControl
    user: str
    secret: str
    head: str = ""
    began: int = 0
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def configuration(self) -> Path:
        return self.root / "rotation.yaml"

    def rotation(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MAIN, "-c", str(self.configuration), *words],
            capture_output=True, text=True, check=False, timeout=50, env=self.environment(),
        )  # fmt: skip

    def succeeds(self, *words: str) -> str:
        done = self.rotation(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def prepares(self, *words: str) -> None:
        """Before a story begins. In this process: what the story is of starts its own."""
        done = CliRunner().invoke(program, ["-c", str(self.configuration), *words])
        assert done.exit_code == 0, done.output

    def serve(self, *words: str) -> Served:
        command = [sys.executable, "-c", MAIN, "-c", str(self.configuration), "serve"]
        process = subprocess.Popen(
            [*command, "--log-level", "debug", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment(),
        )  # fmt: skip
        self.started.append(process)
        served = Served(process)
        served.read()
        return served

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.root), "LC_ALL": "C.UTF-8"}

    def write(self, extra: str = "", secret: str = "") -> None:
        """The configuration; `secret` are further lines of the one secret."""
        self.configuration.write_text(
            self.head
            + f"""
commands: {self.root / "commands"}
connections:
  aws:
    type: aws
    account: "123456789012"
    region: eu-central-1
    endpoint: {self.aws.endpoint}
    credentials_file: {self.root / "credentials"}
    settle: 0s
    report_lag: 0s
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
{extra}
secrets:
  - id: app
    application: app
    environment: test
    owner: team
    class: quick
    store: {{type: aws-secrets-manager, connection: aws, name: {self.secret}}}
    issuer: {{type: aws-iam-access-key, connection: aws, user: {self.user}}}
    fields: {{access_key_id: id, secret_access_key: secret}}
    probe: {{type: aws-sts, connection: aws}}
    consumers:
      - {{id: reader, type: command, argv: [take], confirms: true}}
{secret}
"""
        )

    def furnish(self, days_old: int = 100) -> None:
        self.prepares("init", "--journal", str(self.root / "journal" / "journal.db"))
        self.head = self.configuration.read_text()
        (self.root / "credentials").write_text(
            f"[default]\naws_access_key_id={ADMIN.access_key_id}\n"
            f"aws_secret_access_key={ADMIN.secret_access_key}\n"
        )
        (self.root / "commands").mkdir(mode=0o700)
        take = self.root / "commands" / "take"
        take.write_text("#!/bin/sh\nexec cat >/dev/null\n")
        take.chmod(0o700)
        self.aws.client("iam").create_user(UserName=self.user)
        self.aws.client("secretsmanager").create_secret(Name=self.secret)
        self.aws.clock.advance(-days_old * DAY)
        key = self.aws.out_of_band.create_key(self.user)
        content = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        self.aws.out_of_band.put_secret(self.secret, json.dumps(content))
        self.aws.clock.advance(days_old * DAY)
        self.write()
        self.prepares("adopt", "app")
        self.began = self.aws.oracle.called()

    # ------------------------------------------------------------------------------- the truth

    def current(self) -> dict[str, str]:
        value: dict[str, str] = json.loads(self.aws.oracle.value(self.secret) or "{}")
        return value

    def keys(self) -> list[str]:
        return [key["AccessKeyId"] for key in self.aws.oracle.keys(self.user)]

    def is_whole(self) -> bool:
        """Readers get the only key there is, and it works; nothing is pending."""
        current = self.current()
        works = self.aws.oracle.accepts(current["id"], current["secret"])
        pending = "AWSPENDING" in self.aws.oracle.labels(self.secret)
        return works and self.keys() == [current["id"]] and not pending

    def calls(self) -> list[str]:
        """Those since it was furnished, in order."""
        calls = self.aws.oracle.calls(since=self.began)
        return [f"{call['service']}:{call['operation']}" for call in calls]

    def entries(self) -> list[dict[str, Any]]:
        lines = self.succeeds("journal", "export").splitlines()
        found = [json.loads(line) for line in lines]
        return [entry for entry in found if re.match("aws-iam", entry["stream"])]


_numbers = count(1)


@pytest.fixture(scope="session")
def aws() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def installation(aws: StrictControl, tmp_path: Path) -> Iterator[Installation]:
    number = next(_numbers)
    name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{number}"
    root = tmp_path / "installation"
    root.mkdir(mode=0o700)
    made = Installation(root, aws, user=f"app-{name}", secret=f"e2e/{name}")
    made.furnish()
    yield made
    aws.faults.clear()
    aws.faults.latency(0)
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()
