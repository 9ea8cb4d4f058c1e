"""What `health:` and `heartbeat:` may contain; no address is quoted."""

from pathlib import Path

import pytest

from rotation.config import ConfigInvalid, load
from rotation.config.watching import Health, Heartbeat

HEAD = 'installation: "0123456789ab"\n'


def loaded(tmp_path: Path, text: str):
    file = tmp_path / "rotation.yaml"
    file.write_text(HEAD + text)
    file.chmod(0o600)
    return load(file)


def test_nobody_watches_by_default(tmp_path: Path) -> None:
    found = loaded(tmp_path, "")
    assert (found.health, found.heartbeat) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{listen: '127.0.0.1:9464'}",
        "{listen: '[::1]:9464'}",
        "{listen: '0.0.0.0:9464', token: /etc/rotation/metrics.token}",
        "{listen: '0.0.0.0:9464', token: $METRICS_TOKEN}",
        "{listen: '10.0.0.1:9464', tls: {certificate: /c, key: /k, clients: /a}}",
    ],
)
def test_loopback_or_somebody_who_proves_who_they_are(tmp_path: Path, text: str) -> None:
    assert isinstance(loaded(tmp_path, f"health: {text}\n").health, Health)


@pytest.mark.parametrize(
    "text",
    [
        "{listen: '0.0.0.0:9464'}",
        "{listen: '10.0.0.1:9464', tls: {certificate: /c, key: /k}}",
        "{listen: '[::]:9464'}",
        "{listen: 'host.example:9464'}",
        "{listen: '127.0.0.1'}",
        "{listen: '127.0.0.1:0'}",
        "{listen: '127.0.0.1:70000'}",
        "{listen: '127.0.0.1:x'}",
        "{token: relative}",
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigInvalid):
        loaded(tmp_path, f"health: {text}\n")


def test_a_heartbeat_has_an_address_or_a_file_of_it(tmp_path: Path) -> None:
    found = loaded(tmp_path, "heartbeat: {url: /etc/rotation/heartbeat.url, every: 5m}\n")
    assert found.heartbeat == Heartbeat(url="/etc/rotation/heartbeat.url", every_s=300)
    assert loaded(tmp_path, "heartbeat: {url: $BEAT}\n").heartbeat == Heartbeat(url="$BEAT")


@pytest.mark.parametrize(
    "text",
    [
        "{url: 'http://watch.example/x'}",
        "{url: 'https://user:EXAMPLE-word@watch.example/x'}",
        "{url: relative}",
        "{url: /x, every: 0s}",
        "{url: /x, every: 2d}",
        "{every: 5m}",
    ],
)
def test_other_heartbeats_are_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        loaded(tmp_path, f"heartbeat: {text}\n")
    assert "watch.example" not in str(refused.value.findings)
