"""`/metrics` of many secrets, over real HTTP, while its figures are read again all the time."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.inventory import Installation as Many
from benchmarks.report import Figure
from rotation.operations.health import Loops, Pulse
from rotation.operations.installation import Installation
from rotation.operations.metrics import TYPE, Metrics, standing_of, text_of
from rotation.operations.observed import Observed
from rotation.runtime.listener import Listener, Page

SECRETS, TURNS = 10_000, 50
LIMIT_MS = 200.0
LOOPBACK = "127.0.0.1"


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """In quick mode over a tenth of the secrets. The slowest of all turns counts."""
    many = Many(directory)
    many.grow(SECRETS // 10 if quick else SECRETS, in_yaml=False)
    with Installation(configuration_path=many.path, effectful=False) as here:
        metrics = Metrics(here=here, observed=Observed(), loops=Loops(), pulse=Pulse(here=here))
        metrics.refresh()
        ends, took = threading.Event(), list[float]()

        def again() -> None:
            while not ends.is_set():
                began = time.perf_counter()
                text_of(standing_of(here))
                took.append(time.perf_counter() - began)

        reader = threading.Thread(target=again)
        listener = Listener((LOOPBACK, 0), lambda path: Page(200, metrics.page(), TYPE))
        reader.start()
        try:
            scraped = [_scrape(listener.server_address[1]) for _ in range(TURNS)]
        finally:
            ends.set()
            reader.join()
            listener.end()
    named = f"/metrics, {many.size:,} secrets"
    megabytes = scraped[0][1] / 1e6
    slowest = max(seconds for seconds, _ in scraped) * 1000
    note = f"{megabytes:.1f} MB; the slowest of {TURNS}"
    yield Figure(named, slowest, "ms", None if quick else LIMIT_MS, note)
    note = "in the background, every 30 s"
    yield Figure(f"{named}: reading the journal", sum(took) / len(took), "s", None, note)


def _scrape(port: int) -> tuple[float, int]:
    began = time.perf_counter()
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=30)) as connection:
        connection.request("GET", "/metrics")
        size = len(connection.getresponse().read())
    return time.perf_counter() - began, size
