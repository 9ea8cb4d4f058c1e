"""The server of the tests ends with the process that started it."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.real.postgres_server import wait_for

STARTS_ONE = """
import time
from tests.real.postgres_server import postgres_server
with postgres_server() as server:
    print(server.port, server.root, flush=True)
    time.sleep(600)
"""


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_a_server_whose_starter_is_killed_ends_and_leaves_nothing():
    root = Path(__file__).parents[3]
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert starter.stdout is not None
    with starter.stdout:
        port, directory = starter.stdout.readline().split()
    assert listens(int(port))
    starter.send_signal(signal.SIGKILL)
    starter.wait(10)
    wait_for(lambda: not listens(int(port)) and not Path(directory).exists(), 30)
