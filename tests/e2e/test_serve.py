"""`rotation serve` as a process: it opens, waits, obeys, and ends in order."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.installation import Installation, wait_for


@pytest.mark.story
def test_what_is_due_is_rotated_by_itself(installation: Installation) -> None:
    old = installation.current()
    served = installation.serve()
    closed = served.await_event("rotation.closed")
    assert closed["outcome"] == "succeeded"
    assert installation.is_whole()
    assert installation.current() != old
    assert not installation.aws.oracle.accepts(old["id"], old["secret"])
    code, _ = served.end()
    assert code == 0


def test_what_is_young_is_left_alone_until_a_person_asks_and_then_taken_at_once(
    installation: Installation,
) -> None:
    installation.write(extra=f"freezes: [{{from: {day(0)}, to: {day(1)}, reason: fair}}]")
    served = installation.serve()
    served.await_event("serve.began")
    time.sleep(1)
    assert not served.named("rotation.opened"), "a freeze closes the schedule"
    asked = time.time()
    installation.rotation("rotate", "app")
    minted = served.await_event("rotation.minted")
    assert moment(minted) - asked < 10
    served.end()


def day(offset: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=offset):%Y-%m-%d}"


def moment(event: dict[str, object]) -> float:
    return datetime.fromisoformat(str(event["timestamp"])).timestamp()


def test_a_closed_window_holds_back_what_it_governs(installation: Installation) -> None:
    closed = datetime.now(UTC) + timedelta(hours=6)
    window = f'{{from: "{closed:%H}:00", to: "{closed + timedelta(hours=1):%H}:00"}}'
    installation.write(secret=f"    schedule: {{windows: [{window}]}}")
    served = installation.serve()
    served.await_event("serve.began")
    installation.rotation("rotate", "app")
    waits = wait_for(
        lambda: [e for e in served.named("rotation.waited") if e["step"] == "promote"], "a wait"
    )
    assert waits[0]["why"] == "waits for its window"
    assert datetime.fromisoformat(waits[0]["until"]) > datetime.now(UTC) + timedelta(hours=4)
    assert len(installation.keys()) == 2, "what no window governs was done"
    code, _ = served.end()
    assert code == 0, "nothing was cut short"
    assert not served.named("rotation.promoted")


def test_a_broken_configuration_changes_nothing_and_is_told(installation: Installation) -> None:
    installation.write(extra=f"freezes: [{{from: {day(0)}, to: {day(1)}, reason: fair}}]")
    served = installation.serve()
    began = served.await_event("serve.began")
    right = installation.configuration.read_text()
    installation.configuration.write_text(right.replace("connections:", "connectons:"))
    served.process.send_signal(signal.SIGHUP)
    refused = served.await_event("configuration.refused")
    assert refused["kept"] == began["configuration"]
    assert "connectons" in str(refused["message"])
    installation.write()
    served.process.send_signal(signal.SIGHUP)
    loaded = served.await_event("configuration.loaded")
    assert loaded["digest"] != began["configuration"]
    served.await_event("rotation.closed")
    assert installation.is_whole()
    assert served.end()[0] == 0
