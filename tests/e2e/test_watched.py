"""A running `rotation serve`, watched from outside: it says how it is, and its silence is noticed."""

import os
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.installation import Installation, wait_for
from tests.e2e.watched import LOOPBACK, SILENCE, comes, free_port, get, says, watched
from tests.support.pulse import Watcher


@pytest.mark.story
def test_killed_it_is_missed(installation: Installation, outside: Watcher) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    assert comes(port, "/livez", 200) == "ok\n"
    assert comes(port, "/readyz", 200) == "ok\n"
    served.process.kill()
    served.process.wait()
    outside.alarms(SILENCE)
    assert says(port, "/livez") is None


def test_a_service_that_hangs_stops_the_heartbeat_until_it_answers(
    installation: Installation, outside: Watcher
) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    installation.aws.faults.hang("sts:GetCallerIdentity", times=1000)
    outside.alarms(SILENCE)
    text = comes(port, "/readyz", 503)
    assert text.startswith("connection aws has not answered for ")
    assert get(port, "/livez")[0] == 200, "a service that is down is no reason for a restart"
    installation.aws.faults.clear()
    outside.hears(2)
    comes(port, "/readyz", 200)
    said = [event["message"] for event in served.named("health.not-ready")]
    assert len(said) == 1, "it is said once"
    assert served.end()[0] == 0


def test_a_service_that_refuses_stops_it_as_well(
    installation: Installation, outside: Watcher
) -> None:
    port = free_port()
    watched(installation, outside, port)
    installation.aws.faults.before("sts:GetCallerIdentity", times=1000)
    outside.alarms(SILENCE)
    assert "connection aws has not answered" in comes(port, "/readyz", 503)


def test_a_journal_that_is_gone_stops_the_heartbeat(
    installation: Installation, outside: Watcher
) -> None:
    port = free_port()
    watched(installation, outside, port)
    journal = installation.root / "journal" / "journal.db"
    journal.rename(journal.with_name("aside"))
    outside.alarms(SILENCE)
    text = comes(port, "/readyz", 503)
    assert text.startswith("journal has not answered for ")
    assert "[journal.replaced]" in text


def test_its_metrics_are_of_this_installation(installation: Installation, outside: Watcher) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    served.await_event("rotation.closed")
    text = wait_for(
        lambda: (found := get(port, "/metrics")[1]) and "secret_age" in found and found, ""
    )
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    whose = (("environment", "test"), ("owner", "team"), ("secret", "app"))
    assert found["rotation_secret_max_age_seconds", whose] == 90 * 86_400
    assert found["rotation_ready", ()] == 1
    assert found["rotation_connection_up", (("connection", "aws"),)] == 1
    assert found["rotation_calls_total", (("connection", "aws"),)] > 10
    assert found["rotation_row_duration_seconds_count", (("step", "issue"),)] == 1
    assert found["rotation_journal_entries_total", (("kind", "closed"),)] == 1
    assert found["rotation_tick_timestamp_seconds", ()] > 0
    assert found["rotation_heartbeat_timestamp_seconds", ()] > 0
    assert found["process_resident_memory_bytes", ()] > 0
    assert found["rotation_alerts", (("acknowledged", "no"), ("severity", "page"))] == 0


def test_no_log_and_no_answer_holds_the_address_of_the_heartbeat(
    installation: Installation, outside: Watcher
) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    outside.status, outside.location = 302, outside.url + "&again=1"
    failed = served.await_event("heartbeat.failed")
    assert failed["code"] == "alerts.not-accepted"
    assert not any("again" in path for path in outside.paths), "no redirect is followed"
    comes(port, "/readyz", 200)
    outside.status, outside.hangs = 200, True
    wait_for(
        lambda: any(e["code"] == "alerts.no-receipt" for e in served.named("heartbeat.failed")), ""
    )
    outside.released.set()
    outside.hangs = False
    outside.hears(1)
    everything = str(served.events) + get(port, "/metrics")[1] + get(port, "/readyz")[1]
    assert "EXAMPLE-of-the-heartbeat" not in everything
    assert served.end()[0] == 0


def test_a_port_in_use_is_said_and_rotations_go_on(
    installation: Installation, outside: Watcher
) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as other:
        served = watched(installation, outside, other.getsockname()[1])
        failed = served.await_event("health.failed")
        assert failed["code"] == "health.not-listening"
        assert served.await_event("rotation.closed")["outcome"] == "succeeded"
        assert installation.is_whole()


def test_a_reload_moves_the_listener_and_a_wrong_one_leaves_it(
    installation: Installation, outside: Watcher
) -> None:
    first, second = free_port(), free_port()
    served = watched(installation, outside, first)
    comes(first, "/livez", 200)
    text = installation.configuration.read_text()

    def reload(port: int) -> None:
        installation.configuration.write_text(text.replace(f":{first}'", f":{port}'"))
        os.kill(served.process.pid, signal.SIGHUP)

    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        reload(taken.getsockname()[1])
        served.await_event("health.failed")
        comes(first, "/livez", 200)
    reload(second)
    comes(second, "/livez", 200)
    wait_for(lambda: says(first, "/livez") is None, "the former one ends")
    outside.hears(1)


def test_a_reload_is_followed_though_the_former_interval_is_long(
    installation: Installation, outside: Watcher
) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    text = installation.configuration.read_text()
    installation.configuration.write_text(text.replace("every: 1s", "every: 1d"))
    os.kill(served.process.pid, signal.SIGHUP)
    outside.alarms(SILENCE)
    comes(port, "/readyz", 200)
    installation.configuration.write_text(text)
    os.kill(served.process.pid, signal.SIGHUP)
    outside.hears(3)


def test_a_token_that_everybody_may_read_is_refused(
    installation: Installation, outside: Watcher, tmp_path: Path
) -> None:
    port, token = free_port(), installation.root / "token"
    token.write_text("EXAMPLE-token")
    token.chmod(0o644)
    installation.write(extra=f"health: {{listen: '{LOOPBACK}:{port}', token: {token}}}")
    served = installation.serve()
    assert served.await_event("health.failed")["code"] == "health.token"
    assert says(port, "/livez") is None


def test_it_says_where_nobody_would_hear_of_trouble_and_goes_on(installation: Installation) -> None:
    """An installation of an earlier version has neither route nor heartbeat."""
    text = installation.configuration.read_text()
    installation.configuration.write_text(
        text.replace("environment: test", "environment: production")
    )
    served = installation.serve()
    said = served.await_event("serve.unattended")
    assert (said["code"], said["level"]) == ("config.unattended", "warning")
    assert "unattended: accepted" in str(said["hint"])
    assert served.await_event("rotation.closed")["outcome"] == "succeeded"
