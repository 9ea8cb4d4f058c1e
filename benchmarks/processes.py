"""Whole processes: how long one takes, and how much memory it had at most.

Run as a script it is the small parent that a measurement needs: Linux counts what a process was
before it became another program, so a child of the benchmark itself would never seem small.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Spent:
    """code: the exit code. cpu: seconds of the processor. megabytes: resident memory at its peak."""

    code: int
    seconds: float
    cpu: float
    megabytes: float


def spend(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Spent:
    """Runs the program to its end. Nobody reads what it prints."""
    command = [sys.executable, "-I", "-S", __file__, *words]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(environment or {})}
    ran = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)  # noqa: S603 -- our own programs
    return Spent(**json.loads(ran.stdout))


def rotation(*words: str) -> list[str]:
    """The product's program as its entry point starts it."""
    script = Path(sys.executable).with_name("rotation")
    return [sys.executable, str(script), *words]


def _main(words: list[str]) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    began = time.perf_counter()
    to_null = [(os.POSIX_SPAWN_DUP2, nowhere, descriptor) for descriptor in (0, 1, 2)]
    child = os.posix_spawn(words[0], words, os.environ, file_actions=to_null)
    _, status, usage = os.wait4(child, 0)
    spent = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(spent))


if __name__ == "__main__":
    _main(sys.argv[1:])
