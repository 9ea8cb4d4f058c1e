from dataclasses import replace

import pytest

from rotation.errors import NeedsPerson
from rotation.journal.entries import Kind
from rotation.types import CURRENT, stream_of
from tests.support.shell import STREAM, Shell
from tests.support.simulator import SimulatedStore


def test_adopt_writes_down_what_is_there_and_changes_only_the_claim(shell: Shell) -> None:
    before = dict(shell.world.labels), set(shell.world.instances)
    done = shell.run("adopt", "app")
    assert done.exit_code == 0, done.output
    assert "KEY1 is the current credential" in done.stdout
    assert (dict(shell.world.labels), set(shell.world.instances)) == before
    assert shell.journal.entries(STREAM)[0].who == "alice"


def test_an_adoption_that_may_not_claim_does_not_call_the_secret_dead(shell: Shell) -> None:
    shell.world.claim = None
    shell.world.denied.add("store.claim")
    done = shell.run("adopt", "app")
    assert done.exit_code == 11, done.output
    assert "works now: whatever worked before: an adoption changes nothing" in done.stdout


# ------------------------------------------------------------------------------ typing mistakes


def test_create_of_a_secret_that_has_a_value_opens_nothing(shell: Shell) -> None:
    before = len(shell.adopted().journal.entries(STREAM))
    done = shell.run("create", "app")
    assert done.exit_code == 5
    assert "rotation adopt app" in done.stderr
    assert len(shell.journal.entries(STREAM)) == before


def test_create_with_a_template_of_keys_that_an_empty_secret_lacks_opens_nothing(
    shell: Shell,
) -> None:
    shell.world.labels.clear()
    spec = shell.configuration.spec
    url = "https://{id}:{secret}@{host}/{db}"
    shell.configuration.spec = replace(spec, composed={"url": url})
    done = shell.run("create", "app")
    assert done.exit_code == 5
    assert "db, host" in done.stderr
    assert not shell.journal.entries(STREAM)


def test_create_beside_the_keys_of_others_says_what_makes_a_credential_there(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_keys(store: SimulatedStore, version: str, **how: object) -> None:
        raise NeedsPerson("store.missing-field", "the secret's text has no string named id", "")

    monkeypatch.setattr(SimulatedStore, "read", other_keys)
    done = shell.run("create", "app")
    assert done.exit_code == 5
    assert "rotation rotate app --replace" in done.stderr
    assert "adopt" not in done.stderr
    assert not shell.journal.entries(STREAM)


def test_a_replacement_that_lacks_parts_of_a_template_opens_nothing(shell: Shell) -> None:
    before = len(shell.adopted().journal.entries(STREAM))
    del shell.world.versions[shell.world.labels[CURRENT]]
    url = "https://{id}:{secret}@{host}/{db}"
    shell.configuration.spec = replace(shell.configuration.spec, composed={"url": url})
    done = shell.run("rotate", "app", "--replace")
    assert done.exit_code == 5
    assert "write db, host into the secret" in done.stderr
    assert len(shell.journal.entries(STREAM)) == before


def test_retire_with_consumers_still_declared_opens_nothing(shell: Shell) -> None:
    before = len(shell.adopted().journal.entries(STREAM))
    done = shell.run("retire", "app", "--yes")
    assert done.exit_code == 5
    assert "api, batch" in done.stderr
    assert len(shell.journal.entries(STREAM)) == before


def test_an_adoption_that_is_held_is_begun_anew_once_its_cause_is_mended(shell: Shell) -> None:
    version = shell.world.labels[CURRENT]
    right = shell.world.versions[version]
    shell.world.versions[version] = (right[0], "not-what-logs-in")
    assert shell.run("adopt", "app", "--wait").exit_code == 12
    shell.world.versions[version] = right
    done = shell.run("adopt", "app", "--wait")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("written", ["{}\n", " {}", "{}\r\n"])
def test_white_space_that_an_editor_added_is_named(shell: Shell, written: str) -> None:
    handle, secret = shell.world.versions["v0"]
    shell.world.versions["v0"] = (handle, written.format(secret))
    held = shell.run("adopt", "app", "--wait")
    assert held.exit_code == 12
    assert "next: write secret without white space at the ends" in held.stdout
    seen = shell.run("doctor", "app", "--login")
    assert "secret begins or ends with white space" in seen.stdout
    assert secret not in held.output + seen.output


# -------------------------------------------------- the file named another credential at first

ELSEWHERE = stream_of("simulated", "simulated/ap")


@pytest.fixture
def mistyped(shell: Shell) -> Shell:
    """An adoption was Held at a user that is not there; then the file was corrected."""
    right = shell.configuration
    spec = replace(right.spec, identity="simulated/ap")
    entry = right.entry._replace(identity="simulated/ap")
    shell.configuration = replace(right, spec=spec, entry=entry)
    shell.world.claim = None
    shell.world.denied.add("store.claim")
    assert shell.run("adopt", "app").exit_code == 11
    shell.world.denied.clear()
    shell.configuration = right
    return shell


def test_an_adoption_at_a_wrong_credential_is_closed_by_the_right_one(mistyped: Shell) -> None:
    assert mistyped.run("adopt", "app", "--wait").exit_code == 0
    assert mistyped.run("run").exit_code == 0
    [row] = mistyped.json("status", "--all")["secrets"]
    assert row["secret"] == "app"


def test_what_is_held_at_a_former_credential_can_be_abandoned(mistyped: Shell) -> None:
    assert "way out: rotation abandon app" in mistyped.run("status", "app").stdout
    done = mistyped.run("abandon", "app", "--yes")
    assert done.exit_code == 0, done.output
    assert mistyped.journal.entries(ELSEWHERE)[-1].facts["outcome"] == "abandoned"
    assert mistyped.run("abandon", "app", "--yes").exit_code == 5


def test_what_is_held_at_a_former_credential_is_shown_under_its_name(mistyped: Shell) -> None:
    assert "adopt" in mistyped.run("history", "app").stdout
    assert mistyped.json("show", "app")["held"] == "held.denied"
    assert mistyped.run("adopt", "app", "--wait").exit_code == 0
    assert len(mistyped.json("history", "app")["rotations"]) == 2
    assert mistyped.json("show", "app")["outcome"] == "succeeded"


def test_an_open_adoption_is_not_called_a_rotation(mistyped: Shell) -> None:
    mistyped.world.denied.add("store.claim")
    assert mistyped.run("adopt", "app").exit_code == 11
    assert "app has an open adoption; it is Held" in mistyped.run("rotate", "app").stderr
    assert "an adoption is open" in mistyped.run("plan", "app").stdout
    assert "below is the first rotation after it" in mistyped.run("plan", "app").stdout


def test_a_credential_that_another_name_has_by_now_is_left_to_it(mistyped: Shell) -> None:
    shop = mistyped.configuration.entry._replace(id="shop", identity="simulated/ap")
    app = mistyped.configuration.entry
    mistyped.configuration.secrets = lambda: iter((app, shop))  # type: ignore[method-assign]
    assert mistyped.run("adopt", "app", "--wait").exit_code == 0
    assert mistyped.journal.entries(ELSEWHERE)[-1].kind is Kind.HELD
