"""`python -m providers.aws.testing`: strict AWS as a process.

Prints one JSON line when it is ready, and ends when its standard input closes, its parent dies or
it is told to.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading

from providers.aws.testing.control_plane import PREFIX
from providers.aws.testing.server import StrictAws
from providers.aws.testing.settings import Settings

_ORPHAN_CHECK_S = 0.25


def main() -> None:
    """Serve until nobody needs it any more."""
    parser = argparse.ArgumentParser(prog="python -m providers.aws.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=Settings.port)
    parser.add_argument("--account", default=Settings.account)
    parser.add_argument("--region", default=Settings.region)
    parser.add_argument("--latency-ms", type=float, default=Settings.latency_ms)
    chosen = parser.parse_args()
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGINT, lambda *_: done.set())
    threading.Thread(target=_watch_stdin, args=(done,), daemon=True).start()
    parent = os.getppid()
    with StrictAws(**vars(chosen)) as aws:
        ready = {"endpoint": aws.endpoint, "control": aws.endpoint + PREFIX}
        print(json.dumps(ready), flush=True)  # noqa: T201 -- the one line that it promises
        while not done.wait(_ORPHAN_CHECK_S) and os.getppid() == parent:
            pass


def _watch_stdin(done: threading.Event) -> None:
    # Unbuffered: a thread that holds a buffer's lock at exit makes Python abort.
    while os.read(sys.stdin.fileno(), 1):
        pass
    done.set()


if __name__ == "__main__":
    main()
