"""One time for the name, all of its addresses and the answer."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rotation.alerts.delivery import Delivery, Sender
from rotation.alerts.outbox import Outbox
from rotation.alerts.records import Look
from rotation.alerts.webhook import post
from rotation.errors import Transient
from tests.support.receiver import Receiver, webhook
from tests.support.team import NOW, alert
from tests.support.watched import receiver

__all__ = ["receiver"]  # the fixture


@pytest.fixture
def dead() -> Iterator[tuple[str, int]]:
    """An address that takes no connection and refuses none, as one behind a firewall."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        yield full.getsockname()
        for each in waiting:
            each.close()


def found(address: tuple[str, int]) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)


def test_a_name_with_many_dead_addresses_takes_no_longer_than_one(
    receiver: Receiver, tmp_path: Path, dead: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found(dead)] * 30)
    began = time.monotonic()
    with pytest.raises(Transient) as failed:
        post(webhook(receiver, tmp_path, timeout_s=1), "{}", "id", NOW)
    assert failed.value.code == "alerts.no-answer"
    assert time.monotonic() - began < 15, "thirty of them at a second each"


def test_an_address_that_works_is_found_behind_dead_ones(
    receiver: Receiver, tmp_path: Path, dead: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    addresses = [found(dead), found(dead), found(("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    sender = Sender(installation="i")
    route = webhook(receiver, tmp_path, timeout_s=3)
    assert sender.transmit(route, alert(), "raised", "id", NOW) == "it answered 204"


def test_a_resolver_that_hangs_keeps_neither_its_route_nor_another_one(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, real = threading.Event(), socket.getaddrinfo

    def resolve(host: str, *given: Any, **more: Any) -> Any:
        if host == "localhost":
            released.wait(60)
        return real(host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    slow = webhook(receiver, tmp_path, id="a-slow", timeout_s=15)
    slow = webhook(
        receiver, tmp_path, id="a-slow", url=slow.url.replace("127.0.0.1", "localhost"),
        timeout_s=15,
    )  # fmt: skip
    fast = webhook(receiver, tmp_path, id="fast")
    outbox = Outbox(tmp_path / "journal.db.alerts")
    outbox.record(Look(stands=(alert(),)), (slow, fast), NOW)
    delivery = Delivery(outbox, Sender(installation="i"), lambda: NOW)
    try:
        assert list(delivery.to((slow, fast), 0.5)) == []
        until = time.monotonic() + 10
        while not receiver.got and time.monotonic() < until:
            threading.Event().wait(0.02)
        assert len(receiver.got) == 1
        (found,) = outbox.open()
        assert found.undelivered == ("a-slow",)
        assert list(delivery.to((slow, fast), 0.1)) == [], "one that is busy is not asked again"
    finally:
        released.set()
        list(delivery.to((), 30))
    assert len(receiver.got) == 2
