"""`doctor`: the layouts of the real table, the repair as an ordinary rotation."""

import re
import sys
from dataclasses import replace

import pytest

from rotation.errors import JournalError, Refused
from rotation.journal.memory import MemoryJournal
from rotation.plugins.registry import installed
from rotation.types import COMPROMISED, CURRENT, PENDING, PREVIOUS, PluginSpec
from tests.support import simulator
from tests.support.full_disk import full_disk
from tests.support.shell import STREAM, Shell
from tests.support.simulator import PushedConsumer


@pytest.fixture
def patient(shell: Shell) -> Shell:
    """A secret whose kind of store has a doctor."""
    plugin = PluginSpec(type="aws-secrets-manager", options={})
    shell.configuration.spec = replace(shell.configuration.spec, store=plugin)
    return shell.adopted()


def test_all_is_well(patient: Shell) -> None:
    reply = patient.json("doctor", "--login")
    assert [check["subject"] for check in reply["checks"]] == [
        "configuration", "journal", "runner", "app",
    ]  # fmt: skip
    assert all(check["ok"] for check in reply["checks"])


def test_a_leftover_label_is_named_and_repaired_by_a_rotation(patient: Shell) -> None:
    world = patient.world
    world.labels[PENDING] = world.labels[CURRENT]
    done = patient.run("doctor", "app")
    assert done.exit_code == 1
    assert "leftover-pending" in done.stdout
    assert "rotation doctor app --repair" in done.stdout
    assert patient.run("doctor", "app", "--repair").exit_code == 2
    assert PENDING in world.labels
    done = patient.run("doctor", "app", "--repair", "--yes")
    assert done.exit_code == 0, done.output
    assert PENDING not in world.labels
    assert patient.journal.entries(STREAM)[0].facts["plan"] == "repair"


def test_a_label_on_nothing_is_named_and_taken_off(patient: Shell) -> None:
    patient.world.labels[PENDING] = "begun-and-given-up"
    for words in ([], ["--login"]):
        done = patient.run("doctor", "app", *words)
        assert "pending-without-value" in done.stdout
        assert f"rotation doctor app {' '.join([*words, '--repair'])}" in done.stdout
    done = patient.run("doctor", "app", "--repair", "--yes")
    assert done.exit_code == 0, done.output
    assert PENDING not in patient.world.labels


def test_dead_beside_what_has_no_value_is_lost_and_not_tried_again(patient: Shell) -> None:
    patient.world.instances["KEY1"].active = False
    patient.world.labels[PREVIOUS] = "long-gone"
    assert "lost: no version" in patient.run("doctor", "app", "--login").stdout


def test_a_version_that_somebody_else_staged_is_never_touched(patient: Shell) -> None:
    patient.world.versions["planted"] = ("KEY9", "canary-secret-planted")
    patient.world.labels[PENDING] = "planted"
    done = patient.run("doctor", "app", "--repair", "--yes")
    assert done.exit_code == 5
    assert patient.world.labels[PENDING] == "planted"
    assert patient.journal.entries(STREAM)[0].facts["plan"] == "adopt"


def test_a_current_version_that_does_not_log_in_is_seen_only_by_a_login(patient: Shell) -> None:
    patient.world.instances["KEY1"].active = False
    assert "consumers are down now" not in patient.run("doctor", "app").stdout
    done = patient.run("doctor", "app", "--login")
    assert done.exit_code == 12
    assert "consumers are down now" in done.stdout


def _full(*_: object, **__: object) -> None:
    raise JournalError("journal.full", "the journal's disk is full", "make room")


@pytest.mark.parametrize("broken", ["gone", "off", "held", "spilled"])
def test_healthy_is_said_only_where_nothing_else_says_otherwise(
    patient: Shell, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "app: healthy" in patient.run("doctor", "app").stdout
    match broken:
        case "gone":
            del patient.world.instances["KEY1"]
        case "off":
            patient.world.instances["KEY1"].active = False
        case "held":
            patient.world.denied.add("issuer.issue")
            patient.run("rotate", "app")
        case _:
            patient.world.instances["KEY1"].active = False
            monkeypatch.setattr(MemoryJournal, "supersede", _full)
            patient.world.emergency = True
            patient.run("emergency", "app", "--yes", "--reason", "leak")
            patient.world.instances["KEY1"].active = True
            del patient.world.labels[COMPROMISED]
            assert "app, emergency" in patient.run("doctor", "app").stdout
    done = patient.run("doctor", "app")
    assert "✗ app" in done.stdout
    assert "app: healthy" not in done.stdout, done.output


def test_a_journal_is_not_fine_on_a_full_disk(patient: Shell) -> None:
    assert "✓ journal" in patient.run("doctor").stdout
    with full_disk():
        done = patient.run("doctor")
    assert "✓ journal" not in done.stdout
    assert "✗ journal: the journal's disk is full" in done.stdout
    assert done.exit_code == 9


def test_a_way_back_is_advised_only_where_the_open_rotation_offers_it(patient: Shell) -> None:
    assert patient.run("rotate", "app").exit_code == 0
    world = patient.world
    assert world.labels[CURRENT] != world.labels[PREVIOUS]
    world.instances["KEY2"].active = False
    assert "`rotation rollback app`" in patient.run("doctor", "app", "--login").stdout


def test_where_nothing_open_leads_back_it_is_not_advised(patient: Shell) -> None:
    world = patient.world
    world.versions["planted"] = ("KEY9", "canary-secret-planted")
    world.labels[PREVIOUS], world.labels[CURRENT] = world.labels[CURRENT], "planted"
    assert patient.run("rotate", "app").exit_code == 11
    assert "way out: rotation rollback" not in patient.run("status", "app").stdout
    reply = patient.run("doctor", "app", "--login").stdout
    assert "bad-promotion" in reply
    assert "rotation rollback" not in reply
    assert "move AWSCURRENT back by hand" in reply


def test_a_denied_look_is_told_and_the_others_go_on(patient: Shell) -> None:
    patient.world.denied.add("store.state")
    done = patient.run("doctor")
    assert done.exit_code == 3
    assert "store.state is denied" in done.stdout
    assert "no `rotation serve` is alive" in done.stdout


def test_who_has_no_working_credential_is_told_what_to_type(patient: Shell) -> None:
    for instance in patient.world.instances.values():
        instance.active = False
    done = patient.run("doctor", "app", "--login")
    assert "layout.lost" not in done.stdout
    assert "lost: no version that has a label logs in" in done.stdout
    assert "`rotation rotate app --replace` makes a new one" in done.stdout


def test_an_issuer_that_does_not_answer_hides_no_refused_login(patient: Shell) -> None:
    patient.world.denied.add("issuer.listing")
    assert patient.run("doctor", "app", "--login").exit_code != 12
    for instance in patient.world.instances.values():
        instance.active = False
    done = patient.run("doctor", "app", "--login")
    assert done.exit_code == 12, done.output
    assert "issuer.listing is denied" in done.stdout
    assert "a login with the current value (KEY1) was refused" in done.stdout


def test_several_are_looked_at_each_once(patient: Shell) -> None:
    reply = patient.json("doctor", "app", "app")
    assert [check["subject"] for check in reply["checks"]].count("app") == 1
    assert patient.run("doctor", "app", "nobody").exit_code == 6
    assert patient.run("doctor", "app", "app", "--repair", "--yes").exit_code == 2


@pytest.mark.parametrize("family", ["aws-secrets-manager", "vault-kv2"])
def test_whatever_is_to_be_typed_names_the_secret(family: str) -> None:
    table = sys.modules[installed().load("doctors", family).__module__].LAYOUTS
    typed = [
        words for each in table.values() for words in re.findall("`rotation (.+?)`", each.repair)
    ]
    assert typed
    assert {words for words in typed if " NAME" not in words} <= {"policy vault"}


@pytest.mark.parametrize("mounted", [True, False])
def test_a_delivery_that_would_be_refused_is_told_here(
    patient: Shell, monkeypatch: pytest.MonkeyPatch, *, mounted: bool
) -> None:
    def rehearse(_: object) -> None:
        if mounted:
            raise Refused(
                "consumer.mounted", "/run/app.json is a mount of its own", "mount its directory"
            )

    own = type("Rehearsing", (PushedConsumer,), {"rehearse": rehearse})
    monkeypatch.setattr(simulator, "PushedConsumer", own)
    done = patient.run("doctor", "app")
    assert done.exit_code == (4 if mounted else 0)
    reply = "/run/app.json is a mount of its own" if mounted else "a delivery would reach it"
    assert f"app, consumer batch: {reply}" in done.stdout
    assert ("next: mount its directory" in done.stdout) is mounted


def test_a_copy_under_another_key_is_told_before_a_rotation_stops_for_it(patient: Shell) -> None:
    patient.configuration.spec = replace(patient.configuration.spec, keep_foreign=True)
    patient.world.stale = ("url",)
    assert patient.run("doctor", "app").exit_code == 0
    done = patient.run("doctor", "app", "--login")
    assert done.exit_code == 1
    assert "url holds the same credential" in done.stdout
    assert "`composed:`" in done.stdout
    done = patient.run("adopt", "app", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert "warning: the secret holds the same credential under url" in done.stdout
    done = patient.run("rotate", "app", "--wait")
    assert done.exit_code == 11, done.output
    assert "held.stale-copy" in done.stdout
    assert set(patient.world.instances) == {"KEY1"}
    done = patient.run("abandon", "app", "--yes")
    assert done.exit_code == 0, done.output
    patient.configuration.spec = replace(patient.configuration.spec, accept_stale=("url",))
    assert patient.run("doctor", "app", "--login").exit_code == 0
    assert patient.run("rotate", "app", "--wait").exit_code == 0


# ------------------------------------------------------------------------ one truth about health


def test_it_calls_nothing_healthy_while_a_rotation_is_held(shell: Shell) -> None:
    shell.adopted()
    shell.world.mint(by_person=True)
    assert shell.run("rotate", "app").exit_code == 11
    done = shell.run("doctor", "app")
    assert done.exit_code == 11
    assert "KEY2, which is not provably ours" in done.stdout


def test_readers_that_are_down_are_12_and_the_way_out_is_said(shell: Shell) -> None:
    shell.adopted()
    del shell.world.instances["KEY1"]
    shell.run("rotate", "app")
    done = shell.run("doctor", "app")
    assert done.exit_code == 12
    assert "rotation rotate app --replace" in done.stdout


@pytest.mark.parametrize("happen", ["deleted", "switched off"])
def test_what_readers_get_and_the_issuer_calls_dead_is_12_before_any_rotation(
    shell: Shell, happen: str
) -> None:
    world = shell.adopted().world
    if happen == "deleted":
        del world.instances["KEY1"]
    else:
        world.instances["KEY1"].active = False
    assert shell.run("doctor", "app").exit_code == 12
    assert shell.run("reconcile", "app").exit_code == 12


def test_a_second_live_instance_is_seen_before_a_rotation_stops_for_it(shell: Shell) -> None:
    shell.adopted()
    shell.world.mint(by_person=True)
    done = shell.run("doctor", "app")
    assert done.exit_code == 11
    assert "KEY2" in done.stdout


def test_the_claim_of_another_installation_is_told_before_anything_is_adopted(
    shell: Shell,
) -> None:
    shell.world.claim = "ffffffffffff"
    done = shell.run("doctor", "app")
    assert done.exit_code == 11
    assert "installation ffffffffffff claims" in done.stdout


def test_a_current_version_that_nobody_may_read_is_not_called_healthy(patient: Shell) -> None:
    patient.world.denied.add("store.read")
    done = patient.run("doctor", "app", "--login")
    assert done.exit_code == 3
    assert "store.read is denied" in done.stdout
    assert "healthy" not in done.stdout
