"""`status`: what needs somebody first, and true in every line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rotation.cli.outcome import works_now
from rotation.config import ConfiguredSecret
from rotation.config.configuration import Exempt
from rotation.errors import JournalError, NeedsPerson
from rotation.machine.replay import replay
from rotation.report.health import seen_at
from rotation.types import Gates, Handle, Listing
from tests.support.shell import APP, DAY, STREAM, Shell
from tests.support.simulator import SimulatedIssuer


def one(shell: Shell, *words: str) -> dict[str, object]:
    (reply,) = shell.json("status", *words)["secrets"]
    assert isinstance(reply, dict)
    return reply


def test_a_secret_that_the_journal_does_not_know_is_to_be_adopted(shell: Shell) -> None:
    reply = one(shell)
    assert (reply["state"], reply["age_s"]) == ("unknown", None)
    assert "the journal does not know it" in shell.run("status").stdout


def test_one_without_an_age_is_asked_for_the_day(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    undated = Listing(handles=(Handle(id="KEY1"),), server_at=shell.world.now)
    monkeypatch.setattr(SimulatedIssuer, "listing", lambda issuer: undated)
    shell.adopted()
    assert one(shell)["state"] == "unknown"
    for words in (("status",), ("plan", "app")):
        assert "rotation adopt app --created DATE" in shell.run(*words).stdout


def test_a_fresh_one_is_fine_and_says_when_it_is_due(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    reply = one(shell)
    assert (reply["state"], reply["needs_attention"], reply["current"]) == ("fine", False, "KEY2")
    assert str(reply["due_at"]) > "2026-03"
    line = shell.run("status").stdout.splitlines()[1]
    assert "░" * 10 in line
    assert "of 90 d" in line


def test_too_old_is_told_first_and_checked(shell: Shell) -> None:
    shell.adopted()  # made a hundred days ago
    assert one(shell)["state"] == "past-max-age"
    done = shell.run("status", "--check")
    assert done.exit_code == 1
    assert "█" * 10 in done.stdout
    assert shell.run("status").exit_code == 0


def test_an_open_one_says_where_it_stands_what_works_and_when_the_old_one_dies(
    shell: Shell,
) -> None:
    shell.configuration.entry = APP._replace(max_age_s=200 * 86_400)
    shell.adopted().run("rotate", "app")
    reply = one(shell, "app")
    assert reply["state"] == "open"
    assert (reply["phase"], reply["row"]) == ("verify", "drain")
    assert reply["what_works"] == "KEY2 works, and readers get it; KEY1 works too"
    assert reply["old_dies_not_before"] is not None
    text = shell.run("status").stdout
    assert "verify ▸ drain until" in text
    assert "KEY1 dies no earlier than" in text


def test_a_held_one_says_why_what_works_and_the_ways_out(shell: Shell) -> None:
    shell.adopted().world.mint(by_person=True)
    shell.run("rotate", "app")
    reply = one(shell)
    assert (reply["state"], reply["held"]) == ("held", "held.unknown-instance")
    assert "rotation resolve app --foreign KEY2" in reply["exits"]  # type: ignore[operator]
    done = shell.run("status", "--check")
    assert done.exit_code == 11
    assert "way out: rotation resolve app --foreign KEY2" in done.stdout
    assert "works now: KEY1 works, and readers get it" in done.stdout


def test_whoever_paused_it_is_named_with_the_reason(shell: Shell) -> None:
    shell.configuration.entry = APP._replace(max_age_s=200 * 86_400)
    shell.adopted().run("rotate", "app")
    shell.run("pause", "app", "--reason", "wait for Monday")
    assert one(shell)["state"] == "paused"
    text = shell.run("status").stdout
    assert "paused by alice: wait for Monday" in text
    assert "way out: rotation unpause app" in text
    assert "hold" not in text
    shell.run("unpause", "app", "--wait")
    until = shell.world.now + timedelta(days=3)
    shell.configuration.entry = APP._replace(state="paused", until=until, reason="audit", by="ada")
    assert one(shell)["state"] == "paused"
    assert "paused by ada: audit" in shell.run("status").stdout


def test_the_summary_counts_all_and_the_urgent_come_first(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def many(configuration: object) -> Iterator[ConfiguredSecret]:
        for number in range(200):
            identity = f"simulated/{number}"
            yield APP._replace(id=f"new-{number:03d}", identity=identity, state="retired")
        yield APP

    shell.adopted()
    monkeypatch.setattr(type(shell.configuration), "secrets", many)
    reply = shell.json("status")
    assert reply["summary"] | {"past-max-age": 1, "retired": 200} == reply["summary"]
    assert len(reply["secrets"]) == 20
    assert reply["secrets"][0]["secret"] == "app"
    text = shell.run("status").stdout
    assert "… and 181 more" in text
    assert text.splitlines()[-1] == "201 secrets: 1 past-max-age, 200 retired"
    assert len(shell.json("status", "--all")["secrets"]) == 201


def test_an_exception_is_shown_until_it_ends(shell: Shell) -> None:
    shell.adopted()
    end = shell.world.now + timedelta(days=30)
    exempt = Exempt("security", "the vendor is slow", end, 30 * DAY)
    shell.configuration.entry = APP._replace(exception=exempt)
    line = f"longer life until {end:%Y-%m-%d} (security): the vendor is slow"
    for words in (("status",), ("plan", "app")):
        assert line in shell.run(*words).stdout
    assert shell.json("status")["secrets"][0]["exception"] == line
    shell.world.advance(shell.world.now + timedelta(days=31))
    assert "longer life" not in shell.run("status").stdout
    reply = shell.json("status")["secrets"][0]
    assert (reply["state"], reply["exception"]) == ("past-max-age", None)
    assert reply["max_age_s"] == 30 * DAY


def test_the_schema_of_the_json_is_stable(shell: Shell) -> None:
    reply = shell.adopted().json("status")
    assert (reply["schema_version"], reply["kind"]) == (1, "status")
    assert list(reply["secrets"][0]) == [
        "secret", "class", "state", "needs_attention", "readers_down", "left_alive", "strangers", "strangers_seen_at", "differs", "differs_seen_at", "age_s", "age_stated", "max_age_s",
        "due_at", "why", "current", "old", "asserted", "plan", "phase", "row", "waits_until",
        "waits_for", "held", "held_at", "last_outcome", "last_success_at", "what_works", "seen_at",
        "old_dies_not_before", "exits", "goes_on", "on_hold", "on_hold_by", "exception",
        "on_hold_until",
    ]  # fmt: skip


def test_several_names_are_shown_once_each(shell: Shell) -> None:
    reply = shell.adopted().json("status", "app", "app")
    assert [each["secret"] for each in reply["secrets"]] == ["app"]
    assert shell.run("status", "app", "nobody").exit_code == 6


# ------------------------------------------------------------------------ one truth about health


def test_readers_that_are_down_are_12_whatever_the_rotation_is_called(shell: Shell) -> None:
    """Contained and waiting, Held, abandoned: each time `--check` says it."""
    shell.adopted()
    del shell.world.instances["KEY1"]
    assert shell.run("rotate", "app").exit_code == 12
    held = shell.run("status", "--check")
    assert held.exit_code == 12
    assert "KEY1, which is gone" in held.stdout
    assert "rotation rotate app --replace" in held.stdout
    shell.run("abandon", "app", "--yes")
    closed = shell.run("status", "--check")
    assert closed.exit_code == 12
    assert "rotation rotate app --replace" in closed.stdout
    done = shell.run("rotate", "app", "--replace", "--wait")
    assert done.exit_code == 0, done.output
    assert shell.run("status", "--check").exit_code == 0


def test_readers_are_down_where_the_issuer_no_longer_knows_whose_its_keys_were(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user or role was deleted, and everything of it with it."""
    shell.adopted()

    def missing(issuer: SimulatedIssuer) -> Listing:
        raise NeedsPerson("issuer.missing", "there is no user app", "create it", all_gone=True)

    monkeypatch.setattr(SimulatedIssuer, "listing", missing)
    assert shell.run("doctor", "app").exit_code == 12
    assert shell.run("reconcile").exit_code == 12
    assert shell.run("rotate", "app").exit_code == 12
    reply = shell.run("status", "--check")
    assert reply.exit_code == 12
    assert "readers get KEY1, which is gone" in reply.stdout
    assert "works, and readers" not in reply.stdout


def test_a_way_back_to_one_that_is_gone_is_not_fine(shell: Shell) -> None:
    shell.world.instances["KEY1"].created = shell.world.now
    shell.adopted()
    del shell.world.instances["KEY1"]
    shell.run("rotate", "app")
    shell.run("rollback", "app", "--yes", "--wait")
    reply = shell.run("status", "--check")
    assert reply.exit_code == 12
    assert "rotation rotate app --replace" in reply.stdout


def test_what_works_is_not_replaced_and_nothing_is_opened(shell: Shell) -> None:
    done = shell.adopted().run("rotate", "app", "--replace")
    assert done.exit_code == 5
    assert "replace.not-dead" in done.stderr
    assert one(shell)["plan"] is None


def test_what_an_abandoned_rotation_left_alive_is_shown_until_it_is_gone(shell: Shell) -> None:
    shell.adopted()
    shell.world.denied.add("probe.login")
    assert shell.run("rotate", "app").exit_code == 11
    shell.world.denied.clear()
    shell.run("abandon", "app", "--yes")
    reply = shell.run("status", "--check")
    assert reply.exit_code == 1
    assert "left alive: KEY2" in reply.stdout


def test_an_entry_that_left_the_configuration_is_not_invisible(shell: Shell) -> None:
    shell.adopted()
    shell.run("rotate", "app")
    shell.configuration.entry = APP._replace(id="other", identity="another/one")
    reply = shell.run("status", "--check")
    assert reply.exit_code == 1
    assert "orphaned" in reply.stdout


def test_what_works_is_told_with_the_time_at_which_it_was_seen(shell: Shell) -> None:
    assert shell.adopted().run("rotate", "app").exit_code == 0
    shell.world.advance(shell.world.now + timedelta(minutes=3))
    for verb in ("status", "show"):
        assert "3 min ago)" in shell.run(verb, "app").stdout, verb
    [reply] = shell.json("status", "app")["secrets"]
    seen = datetime.fromisoformat(reply["seen_at"])
    assert timedelta(minutes=3) <= shell.world.now - seen < timedelta(minutes=4)


# ------------------------------------------------------------- what only a look at the issuer shows


@pytest.mark.parametrize("look", [("reconcile",), ("doctor",), ("doctor", "app")])
def test_what_a_look_found_is_shown_until_a_later_one_finds_it_no_longer(
    shell: Shell, look: tuple[str, ...]
) -> None:
    shell.world.instances["KEY1"].created = shell.world.now
    stranger = shell.adopted().world.mint(by_person=True)
    assert shell.run("status", "--check").exit_code == 0
    assert shell.run(*look).exit_code == 11
    reply = shell.run("status", "--check")
    assert reply.exit_code == 1
    assert f"not known, alive: {stranger.id}" in reply.stdout
    assert f"alive and not known: {stranger.id} (seen" in reply.stdout
    assert one(shell)["strangers"] == [stranger.id]
    assert (one(shell)["state"], one(shell)["needs_attention"]) == ("unaccounted", True)
    written = len(shell.journal.installation_entries())
    shell.run(*look)
    assert len(shell.journal.installation_entries()) == written
    del shell.world.instances[stranger.id]
    assert shell.run(*look).exit_code == 0
    assert shell.run("status", "--check").exit_code == 0
    assert one(shell)["strangers"] == []


def test_a_look_that_was_refused_forgets_nothing(shell: Shell) -> None:
    stranger = shell.adopted().world.mint(by_person=True)
    shell.run("reconcile")
    shell.world.denied.add("issuer.listing")
    shell.run("reconcile")
    assert one(shell)["strangers"] == [stranger.id]


@pytest.mark.parametrize("answer", ["--foreign", "--ours"])
def test_it_is_shown_until_somebody_says_whose_it_is(shell: Shell, answer: str) -> None:
    stranger = shell.adopted().world.mint(by_person=True)
    shell.run("reconcile")
    assert shell.run("rotate", "app").exit_code == 11
    assert stranger.id in shell.run("status").stdout
    shell.run("resolve", "app", answer, stranger.id, "--yes")
    assert one(shell)["strangers"] == []


def test_a_rotation_that_went_through_looked_as_well(shell: Shell) -> None:
    stranger = shell.adopted().world.mint(by_person=True)
    shell.run("reconcile")
    del shell.world.instances[stranger.id]
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    assert one(shell)["strangers"] == []


@pytest.mark.parametrize("look", ["reconcile", "doctor"])
def test_whoever_may_look_and_not_write_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    shell.adopted().world.mint(by_person=True)

    def read_only(*given: object) -> None:
        raise JournalError("journal.locked", "the journal cannot be written", "")

    monkeypatch.setattr(shell.journal, "record", read_only)
    done = shell.run(look)
    assert done.exit_code == 11
    assert "`rotation status` does not show it: the journal cannot be written" in done.stderr


def test_nothing_was_seen_later_than_now(shell: Shell) -> None:
    """The clock that saw it may have been ahead."""
    shell.adopted().run("rotate", "app", "--here")
    rotation = replay(shell.journal.entries(STREAM))
    seen = seen_at(rotation)
    assert seen is not None
    assert ", now)" in works_now(rotation, seen - timedelta(seconds=2))


def test_which_key_changed_under_an_open_rotation_is_told(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    spec = shell.configuration.spec
    store = replace(spec.store, options={**spec.store.options, "place": "elsewhere"})
    shell.configuration.spec = replace(spec, store=store)
    assert 'changed: store: place null -> "elsewhere"' in shell.run("run", "--here").output
    assert 'changed: store: place null -> "elsewhere"' in shell.run("status", "app").stdout


def test_what_a_freeze_by_hand_stops_waits_for_its_end(shell: Shell) -> None:
    """Its row was written before the freeze, with a time that is over."""
    shell.adopted().gates = lambda now: Gates(open=False, opens_at=now + timedelta(hours=3))
    shell.run("rotate", "app", "--here")
    assert one(shell)["waits_until"] is not None
    shell.world.advance(shell.world.now + timedelta(hours=4))
    shell.run("freeze", "--reason", "incident")
    reply = one(shell)
    assert (reply["waits_until"], reply["waits_for"]) == (None, "frozen: incident")
    assert "waits for: frozen: incident" in shell.run("status").stdout
    shell.run("freeze", "--lift")
    assert "frozen" not in str(one(shell)["waits_for"])


def test_current_is_what_readers_get_now(shell: Shell) -> None:
    assert one(shell.adopted())["current"] == "KEY1"
    shell.run("rotate", "app", "--here")
    reply = one(shell)
    assert (reply["row"], reply["current"], reply["old"]) == ("drain", "KEY2", "KEY1")
    shell.run("rollback", "app", "--yes", "--here")
    assert one(shell)["current"] == "KEY1"
