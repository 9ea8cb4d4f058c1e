"""Incidents: opened by every emergency, filled in by the journal, closed by a person."""

import pytest

from rotation.errors import PolicyRefusal, UnknownName
from rotation.operations.incidents import (
    Check,
    Incident,
    State,
    close,
    incidents,
    note,
    the_incident,
)
from tests.support.shell import Shell, at_work

GUIDE = [
    "Immediately revoke",
    "Create a new key with the same scopes",
    "Update applications",
    "Investigate how it was compromised",
    "Document incident and remediation",
]


def found(shell: Shell) -> Incident:
    with at_work(shell, effectful=False) as here:
        return the_incident(here, "app")


def marks(incident: Incident) -> list[bool | None]:
    return [check.done for check in incident.checks]


def switched_off_only(shell: Shell) -> None:
    """Its successor cannot be made."""
    shell.world.denied.add("issuer.issue")
    shell.run("emergency", "app", "--yes", "--reason", "leaked")


@pytest.fixture
def leaked(shell: Shell) -> Shell:
    shell.adopted()
    done = shell.run("emergency", "app", "--yes", "--reason", "pasted in a chat")
    assert done.exit_code == 0, done.output
    return shell


def test_an_emergency_is_an_incident_with_the_five_steps_of_the_guide(leaked: Shell) -> None:
    incident = found(leaked)
    assert (incident.state, incident.reason, incident.unproven) == (
        State.TO_CLOSE, "pasted in a chat", (),
    )  # fmt: skip
    assert [check.step for check in incident.checks] == GUIDE
    assert marks(incident) == [True, True, True, None, False]
    told = " / ".join(moment.what for moment in incident.timeline)
    assert "contain: done, switched off KEY1" in told
    assert "made KEY2" in told
    assert incident.evidence["instances"][0][0] == "KEY1", "saved before it vanished"


def test_a_rotation_that_is_none_opens_no_incident(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    with at_work(shell, effectful=False) as here:
        assert incidents(here) == []
        with pytest.raises(UnknownName):
            the_incident(here, "app")


def test_what_a_person_found_is_part_of_it_and_then_it_is_closed(leaked: Shell) -> None:
    with at_work(leaked) as here:
        note(here, "app", "pushed to a public fork")
        closed = close(here, "app", "the fork is gone")
    assert closed.state is State.CLOSED
    assert marks(closed) == [True] * 5
    assert [moment.what for moment in closed.timeline][-2:] == [
        "note: pushed to a public fork", "incident closed: the fork is gone",
    ]  # fmt: skip


def test_it_cannot_be_closed_while_its_emergency_is_open(shell: Shell) -> None:
    shell.adopted()
    switched_off_only(shell)
    incident = found(shell)
    assert incident.state is State.OPEN
    assert incident.checks[0] == Check(
        step="Immediately revoke", done=True, found=incident.checks[0].found
    )
    with at_work(shell) as here, pytest.raises(PolicyRefusal) as refused:
        close(here, "app", "enough")
    assert refused.value.code == "incident.open"
    assert found(shell).state is State.OPEN


def test_what_nobody_saw_dead_is_named_and_a_person_says_how_it_was_seen(shell: Shell) -> None:
    shell.adopted()
    switched_off_only(shell)
    assert shell.run("abandon", "app", "--yes").exit_code == 0
    incident = found(shell)
    assert incident.unproven == ("KEY1: nothing shows its end",)
    with at_work(shell) as here:
        with pytest.raises(PolicyRefusal) as refused:
            close(here, "app", "enough")
        assert refused.value.code == "incident.unproven"
        assert "--seen-dead" in str(refused.value.hint)
        closed = close(here, "app", "enough", seen_dead="the vendor deleted it")
    assert (closed.state, closed.unproven) == (State.CLOSED, ())
    assert closed.timeline[-1].what == "incident closed: enough; seen dead: the vendor deleted it"
