"""Where a show takes place: a directory with an installation of the product in it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rotation.demo.program import Heard, Program, nobody


@dataclass(kw_only=True)
class Place:
    """root: everything of the show is below it. stack: ends what was begun."""

    root: Path
    stack: ExitStack
    applications: list[Program] = field(default_factory=list)

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
    def commands(self) -> Path:
        return self.root / "commands"

    def lay_out(self, *more: str) -> None:
        for name in (self.commands.name, self.captured.name, self.canaries.name, *more):
            (self.root / name).mkdir(mode=0o700)

    def configured(self, text: str) -> None:
        """What `rotation init` writes, and what a person adds to it."""
        if self.rotation("init", "--journal", str(self.root / "journal" / "journal.db")).wait():
            raise OSError("`rotation init` failed")
        with self.configuration.open("a") as configuration:
            configuration.write(text)

    def rotation(self, *arguments: str, heard: Heard = nobody) -> Program:
        """The `rotation` program with this configuration."""
        code = "from rotation.cli import main; main()"
        name = f"rotation-{arguments[0]}-{time.monotonic_ns()}"
        words = ["-c", code, "--config", str(self.configuration), *arguments]
        program = Program.start(words, self.captured / name, heard)
        self.stack.callback(program.kill)
        return program

    def application(self, module: str, name: str, orders: str, heard: Heard) -> Program:
        """An application that uses its credential until the show is over."""
        captured = self.captured / f"application-{name}"
        program = Program.start(["-m", module], captured, heard, given=f"{orders}\n")
        self.stack.callback(program.kill)
        self.applications.append(program)
        return program
