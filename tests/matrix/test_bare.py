"""The floor of the benchmark is what it says: the requests of a rotation, in its order."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import logins
from benchmarks.logins import Product, bare_of
from benchmarks.report import spoken
from providers.vault.testing import binary
from rotation.journal.sql import open_journal
from tests.matrix.services import Services
from tests.matrix.sides import INSTALLATION
from tests.matrix.wire import tapped

ATTEMPT = re.compile(r"[0-9a-f]{32}|(matrix|bare)-[0-9a-z-]+|(?<=/)app-\d+$")
STATEMENT = re.compile(r"LOG:  execute <unnamed>: (.*)")
REFUSED = re.compile(r"FATAL:  (?:password authentication failed|role .* is not permitted)")


def requests(services: Services, rotate: Callable[[], None]) -> tuple[list[str], list[str], int]:
    """To Vault, to PostgreSQL by its own log, and how many logins that refused."""
    made: list[str] = []

    def send(name: str, request: Callable[[], object]) -> object:
        if "/v1/" in name:
            made.append(ATTEMPT.sub("*", name))
        return request()

    server = services.database.server
    before = len(server.log)
    with tapped(send):
        rotate()
    log = server.log[before:]
    return made, STATEMENT.findall(log), len(REFUSED.findall(log))


def test_the_bare_sequence_makes_the_same_requests(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    ours, bare = (services.pair("postgres-login, unique", "vault-kv2") for _ in range(2))
    ours.begin(fresh_name())
    name = fresh_name()
    bare.begin(name)
    with open_journal(tmp_path / "journal.db", INSTALLATION) as journal:
        product = Product(ours, journal)
        product.does("routine")
        of_ours = requests(services, lambda: product.does("routine"))
    floor = bare_of(bare, name)
    floor.rotate()
    of_bare = requests(services, floor.rotate)
    assert of_bare == of_ours
    assert min(len(of_ours[0]), len(of_ours[1]), of_ours[2]) >= 5
    assert len(bare.issuer.live()) == 1


def test_without_a_vault_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "found", lambda: None)
    [figure] = logins.measure(tmp_path / "nothing", quick=True)
    assert (figure.measured, figure.note) == (None, binary.MISSING)
    assert (figure.verdict, spoken(figure.measured, figure.unit)) == ("", "-")
