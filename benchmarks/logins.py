"""A PostgreSQL login kept in Vault, against the bare sequence of the same requests on the same servers,
and Vault's own `rotate-role` beside it. Real servers that write to the disk as in production, on
loopback: no latency hides what we cost."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.bare_logins import Bare, Server, Vault
from benchmarks.report import Figure
from benchmarks.rotations import compared, turn
from providers.vault.options import STAGING
from providers.vault.testing import binary
from providers.vault.testing.server import Refused
from rotation.execution.runner import Runner
from rotation.journal.sql import SqlJournal, open_journal
from rotation.machine.decide import Close
from rotation.plan import PLANS
from rotation.types import Specification
from tests.matrix.services import Services
from tests.matrix.sides import INSTALLATION
from tests.matrix.vault import KV
from tests.matrix.world import Pair
from tests.real import postgres_server

LIMIT = 1.12
NAMED = "a PostgreSQL login in Vault"
ROUNDS_QUICK, ROUNDS = 3, 15
IN_A_ROW = 2
STREAM = "postgres-login-measured"
REPLACED = 9
"""How often Vault replaces a password to tell how long it takes."""


class Product:
    """One runner with one journal, and nothing that waits."""

    def __init__(self, pair: Pair, journal: SqlJournal) -> None:
        adapters = pair.adapters()
        self._spec = _at_once(pair.specification())
        self._runner = Runner(
            journal=journal, bind=lambda spec: adapters, clock=pair.clock, id="benchmark"
        )
        self.does("adopt")

    def does(self, plan: str) -> None:
        self._runner.open(STREAM, PLANS[plan], self._spec, trigger="benchmark")
        action = self._runner.advance(STREAM)
        assert isinstance(action, Close), action


def _at_once(spec: Specification) -> Specification:
    consumers = tuple(replace(consumer, refresh_s=0) for consumer in spec.consumers)
    return replace(spec, settle_s=0, grace_s=0, quiet_s=0, soak_s=0, consumers=consumers)


def bare_of(pair: Pair, name: str) -> Bare:
    """The bare sequence on the servers of that pair, which was begun under that name."""
    database = pair.issuer.connections["main"].options
    vault = pair.store.connections["vault"].options
    group = name.replace("-", "_")
    password = Path(database.password_file).read_text().strip()
    token = Path(vault.login_file).read_text()
    return Bare(
        Server(database.port, database.user, password),
        Vault(vault.address, token, f"{KV}/team/{name}", STAGING, f"bare-{name}"),
        group,
        f"{group}_first",
    )


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    missing = _missing()
    if missing:
        yield Figure(f"time against the bare calls, {NAMED}", None, "x", LIMIT, missing)
        return
    directory.mkdir(mode=0o700)
    (directory / "journal").mkdir()
    with (
        closing(Services(directory, durable=True)) as services,
        open_journal(directory / "journal" / "journal.db", INSTALLATION) as journal,
    ):
        ours = services.pair("postgres-login, unique", "vault-kv2")
        ours.begin("ours")
        product = Product(ours, journal)
        bares = services.pair("postgres-login, unique", "vault-kv2")
        bares.begin("bare")
        bare = bare_of(bares, "bare")
        product.does("routine")
        bare.rotate()
        pairs = [
            (
                turn(lambda _: bare.rotate(), [""] * IN_A_ROW, 1),
                turn(lambda _: product.does("routine"), [""] * IN_A_ROW, 1),
            )
            for _ in range(ROUNDS_QUICK if quick else ROUNDS)
        ]
        yield from compared(pairs, NAMED, IN_A_ROW, LIMIT)
        yield _by_vault(services)


def _missing() -> str:
    """Why it cannot be measured here; nothing where it can."""
    if binary.found() is None:
        return binary.MISSING
    return "" if postgres_server.installed() else "no PostgreSQL on the PATH and none in the wheel"


def _by_vault(services: Services) -> Figure:
    """Another thing: the password is replaced in place. The old one fails from that moment on, nobody is
    waited for, nothing is tried, nothing is proved."""
    what = "Vault's own rotate-role, in place"
    try:
        role = services.static_roles
        role.begin("measured")
    except Refused:
        return Figure(what, None, note="this Vault was built without the database engine")
    taken = []
    for _ in range(REPLACED):
        began = time.perf_counter()
        role.replace()
        taken.append((time.perf_counter() - began) * 1000)
    note = "no overlap, no check, no proof: old and new password never work side by side"
    return Figure(what, median(taken), "ms", note=note)
