"""The place of a scenario: a directory with an installation of the product, and the services that
belong to no vendor."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rotation.demo.configuration import configuration
from rotation.demo.environment import PARTNER, SERVICES
from rotation.demo.fake_service import FakeServices, fake_services
from rotation.demo.program import Heard, Program, nobody


@dataclass(kw_only=True)
class Workspace:
    """root: everything of the scenario is below it. stack: ends what was started."""

    root: Path
    stack: ExitStack
    services: FakeServices = field(init=False)
    applications: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.configuration = self.root / "rotation.yaml"
        self.captured = self.root / "captured"
        self.canaries = self.root / "canaries"
        self.commands = self.root / "commands"
        self.handed = self.root / "applications" / "orders-password"
        for place in (self.captured, self.canaries, self.commands, self.handed.parent):
            place.mkdir(mode=0o700)
        self.services = self.stack.enter_context(fake_services())
        for service in SERVICES:
            self.services.install(self.commands, service)

    def made_by_hand(self) -> dict[str, str]:
        """The credential that the partner gave to a person long ago."""
        token = secrets.token_urlsafe(32)
        self.services.accept(PARTNER, token, "made-by-hand")
        return {"token": token, "url": "https://partner.example/api"}

    def private(self, name: str, text: str) -> Path:
        """A file that only its owner reads."""
        file = self.root / name
        file.touch(0o600)
        file.write_text(text)
        return file

    def configured(self, *, connection: str, store: str, billing: str) -> None:
        """Writes the file with `rotation init` and adds what an operator would add."""
        if self.rotation("init", "--journal", str(self.root / "journal" / "journal.db")).wait():
            raise OSError("`rotation init` failed")
        with self.configuration.open("a") as file:
            file.write(
                configuration(
                    self.commands, self.handed, connection=connection, store=store, billing=billing
                )
            )

    def rotation(self, *arguments: str, heard: Heard = nobody) -> Program:
        """The `rotation` program with this configuration."""
        code = "from rotation.cli import main; main()"
        name = f"rotation-{arguments[0]}-{time.monotonic_ns()}"
        words = ["-c", code, "--config", str(self.configuration), *arguments]
        program = Program.start(words, self.captured / name, heard)
        self.stack.callback(program.kill)
        return program

    def application(self, module: str, name: str, orders: str, heard: Heard) -> None:
        """Starts an application that uses its credential until the scenario is over."""
        captured = self.captured / f"application-{name}"
        program = Program.start(["-m", module], captured, heard, given=f"{orders}\n")
        self.stack.callback(program.kill)
        self.applications.append(program)
