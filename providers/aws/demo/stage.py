"""Where the show takes place: a directory, strict AWS, a toy service, applications, a runner.

Everything that any process prints is kept in the directory's `captured/`, for the scan at the end.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any

from providers.aws.demo import command
from providers.aws.testing import ADMIN, StrictControl, spawn_strict_aws

BILLING, ORDERS, PARTNER = "billing-iam", "orders-db", "partner-token"
USER = "billing"
STORED = {BILLING: "demo/billing/aws", ORDERS: "demo/orders/db", PARTNER: "demo/partner/token"}
REFRESH_S = 1
DAYS_OLD = 100
PROPAGATION_S = 0.3
LATENCY_MS = 20.0

Heard = Callable[[str], None]


@dataclass
class Program:
    """A process of the show. Its lines go to a file and to whoever listens."""

    process: subprocess.Popen[str]
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    _readers: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def start(
        cls, arguments: Sequence[str], captured: Path, heard: Heard, *, given: str = ""
    ) -> Program:
        process = subprocess.Popen(  # noqa: S603 -- our own modules, in our own interpreter
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(captured.parent),
            text=True,
        )
        program = cls(process)
        assert process.stdin and process.stdout and process.stderr
        for stream, name in ((process.stdout, "out"), (process.stderr, "err")):
            file = captured.with_name(f"{captured.name}.{name}")
            program._read(stream, file, heard)
        if given:
            process.stdin.write(given)
            process.stdin.flush()
        return program

    def _read(self, stream: IO[str], file: Path, heard: Heard) -> None:
        def read() -> None:
            with file.open("a") as kept, stream:
                for line in stream:
                    kept.write(line)
                    kept.flush()
                    self.last_words.append(line.rstrip("\n"))
                    heard(line.rstrip("\n"))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self._readers.append(thread)

    def end(self) -> int:
        """Its input closes and it is asked to end; everything that it printed has been heard."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """SIGKILL, where it still lives."""
        if self.process.poll() is None:
            self.process.kill()
            self.wait()

    def wait(self) -> int:
        code = self.process.wait(45)
        for reader in self._readers:
            reader.join(5)
        return code


def environment(home: Path) -> dict[str, str]:
    """Nothing of whoever watches: no credentials, no proxies, no settings."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(kw_only=True)
class Stage:
    """root: everything of the show is below it. handed: where secrets are meant to be."""

    root: Path
    aws: StrictControl
    port: int
    _stack: ExitStack

    @property
    def configuration(self) -> Path:
        return self.root / "rotation.yaml"

    @property
    def captured(self) -> Path:
        return self.root / "captured"

    @property
    def canaries(self) -> Path:
        return self.root / "canaries"

    @property
    def handed(self) -> Path:
        return self.root / "applications" / "orders-password"

    def rotation(self, *arguments: str, heard: Heard = lambda line: None) -> Program:
        """The `rotation` program with this configuration."""
        code = "from rotation.cli import main; main()"
        name = f"rotation-{arguments[0]}-{time.monotonic_ns()}"
        words = ["-c", code, "--config", str(self.configuration), *arguments]
        program = Program.start(words, self.captured / name, heard)
        self._stack.callback(program.kill)
        return program

    def application(self, name: str, kind: str, heard: Heard) -> Program:
        """An application that uses its credential until the show is over."""
        orders = {
            "name": name, "kind": kind, "endpoint": self.aws.endpoint, "port": self.port,
            "secret": STORED[name], "refresh_s": REFRESH_S,
            "file": str(self.handed) if name == ORDERS else None,
        }  # fmt: skip
        program = Program.start(
            ["-m", "providers.aws.demo.consumer"], self.captured / f"application-{name}", heard,
            given=json.dumps(orders) + "\n",
        )  # fmt: skip
        self._stack.callback(program.end)
        return program

    def current_key(self) -> str:
        """The id of the key that readers of the store get now."""
        value = json.loads(self.aws.truth.value(STORED[BILLING]) or "{}")
        return str(value["AWS_ACCESS_KEY_ID"])

    def suspended_at(self, key: str) -> float:
        """When strict AWS was first told to switch this key off."""
        calls = self.aws.truth.calls("iam:UpdateAccessKey")
        times = [call["at"] for call in calls if call["parameters"]["AccessKeyId"] == key]
        return float(min(times))

    def accepts(self, service: str, value: str) -> bool:
        """Whether the toy service lets somebody in with this."""
        return self.ask(service, "login", value)[0] == 200

    def ask(self, service: str, action: str, value: str = "", handle: str = "") -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            headers = {"x-handle": handle}
            connection.request("POST", f"/{service}/{action}", value.encode(), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Strict AWS and the toy service are up, the three secrets are there, 100 days old."""
    for name in ("commands", "applications", "captured", "canaries"):
        (root / name).mkdir(mode=0o700)
    with ExitStack() as stack:
        aws = stack.enter_context(spawn_strict_aws(latency_ms=LATENCY_MS))
        port = stack.enter_context(_service(root / "captured"))
        ready = Stage(root=root, aws=aws, port=port, _stack=stack)
        _furnish(ready)
        _write_files(ready)
        yield ready


@contextmanager
def _service(captured: Path) -> Iterator[int]:
    ready: dict[str, Any] = {}
    told = threading.Event()

    def heard(line: str) -> None:
        if not told.is_set():
            ready.update(json.loads(line))
            told.set()

    program = Program.start(["-m", "providers.aws.demo.service"], captured / "service", heard)
    try:
        if not told.wait(20):
            raise TimeoutError("the toy service did not start")
        yield int(ready["port"])
    finally:
        program.end()


def _furnish(here: Stage) -> None:
    """What was there before us: made by a person, a hundred days ago."""
    aws = here.aws
    aws.client("iam").create_user(UserName=USER)
    for stored in STORED.values():
        aws.client("secretsmanager").create_secret(Name=stored)
    aws.clock.advance(-DAYS_OLD * 86_400)
    key = aws.human.create_key(USER)
    billing = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    token = secrets.token_urlsafe(32)
    here.ask(PARTNER, "accept", token, handle="made-by-hand")
    partner = {"token": token, "url": "https://partner.example/api"}
    aws.human.put_secret(STORED[BILLING], json.dumps(billing))
    aws.human.put_secret(STORED[PARTNER], json.dumps(partner))
    aws.clock.advance(DAYS_OLD * 86_400)
    aws.conditions.propagation(PROPAGATION_S)


def _write_files(here: Stage) -> None:
    credentials = here.root / "runner-credentials"
    credentials.touch(0o600)
    credentials.write_text(
        f"[demo]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    for service in (ORDERS, PARTNER):
        words = [sys.executable, "-IS", str(command.__file__), str(here.port), service]
        file = here.root / "commands" / service
        file.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        file.chmod(0o700)
    begun = here.rotation("init", "--journal", str(here.root / "journal" / "journal.db"))
    if begun.wait():
        raise OSError("`rotation init` failed")
    _claim_empty(here)
    with here.configuration.open("a") as configuration:
        configuration.write(_configuration(here, credentials))


def _claim_empty(here: Stage) -> None:
    """The stack that makes an empty secret writes whose it is; `adopt` does so for a used one."""
    written = re.search(r'^installation: "(\w+)"', here.configuration.read_text(), re.MULTILINE)
    assert written is not None, "`rotation init` writes the installation's id"
    here.aws.human.tag_secret(STORED[ORDERS], {"rotation:owner": written[1]})


def _configuration(here: Stage, credentials: Path) -> str:
    """What a person adds to the file that `rotation init` wrote."""
    return _surroundings(here, credentials) + _secrets(here)


def _surroundings(here: Stage, credentials: Path) -> str:
    return f"""
commands: {here.root / "commands"}
file_roots: [{here.handed.parent}]

connections:
  demo:
    type: aws
    account: "123456789012"
    region: eu-central-1
    endpoint: {here.aws.endpoint}       # strict AWS; real ones are found by region
    credentials_file: {credentials}
    profile: demo
    settle: 1s                          # real AWS: 30s
    report_lag: 0s                      # real AWS: 4h

classes:
  demo: {{max_age: 90d, margin: 7d, quiet: 1s, soak: 2s}}
"""


def _secrets(here: Stage) -> str:
    return f"""
secrets:
  - id: {BILLING}
    class: demo
    application: billing
    environment: demo
    owner: team-billing
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[BILLING]}}}
    issuer: {{type: aws-iam-access-key, connection: demo, user: {USER}}}
    fields: {{access_key_id: AWS_ACCESS_KEY_ID, secret_access_key: AWS_SECRET_ACCESS_KEY}}
    probe: {{type: aws-sts, connection: demo}}
    consumers:
      - {{id: billing-api, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}

  - id: {ORDERS}
    class: demo
    application: orders
    environment: demo
    owner: team-orders
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[ORDERS]}}}
    issuer: {{type: generated, kind: password}}
    fields: {{password: password}}
    probe: {{type: command, argv: [{ORDERS}]}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: orders-service, type: command, role: verifier, argv: [{ORDERS}]}}
      - {{id: orders-api, type: file, path: {here.handed}, refresh: {REFRESH_S}s, accept_elapsed: true}}

  - id: {PARTNER}
    class: demo
    application: partner
    environment: demo
    owner: team-partner
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[PARTNER]}}}
    issuer: {{type: generated, kind: token, prefix: prt_}}
    fields: {{token: token}}
    probe: {{type: command, argv: [{PARTNER}]}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: partner-service, type: command, role: verifier, argv: [{PARTNER}]}}
      - {{id: partner-client, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}
"""
