"""The processes of a demo. Everything that they print is kept for the scan at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

Heard = Callable[[str], None]


def nobody(line: str) -> None:
    """A listener that ignores every line."""


@dataclass
class Program:
    """A process of the demo. Its lines go to a file and to a listener."""

    process: subprocess.Popen[str]
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    _readers: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def start(
        cls, arguments: Sequence[str], captured: Path, heard: Heard = nobody, *, given: str = ""
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

    def finish(self) -> int:
        """Closes its input and waits until it has finished its work."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def end(self) -> int:
        """Closes its input and asks it to end; afterwards the listener has had everything that it
        printed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Sends SIGKILL, where the process still lives."""
        if self.process.poll() is None:
            self.process.kill()
            self.wait()

    def wait(self) -> int:
        code = self.process.wait(45)
        for reader in self._readers:
            reader.join(5)
        return code


def environment(home: Path) -> dict[str, str]:
    """A clean environment: none of the user's credentials, proxies or settings."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}
