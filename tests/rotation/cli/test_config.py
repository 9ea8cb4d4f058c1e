"""`config`: every mistake at once, never a value; what it comes to; what the journal knows of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rotation.runtime import process
from tests.support.configured import file, reply, run
from tests.support.shell import Shell

__all__ = ["file"]

CANARY = "canary-hunter2-hunter2"


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    # It cannot be taken back, and the tests' own process needs its core dumps and its umask.
    monkeypatch.setattr(process, "harden", lambda: None)


def test_a_valid_file_says_so(file: Path) -> None:
    assert reply(file, "config", "check")["valid"]
    assert "valid: 1 secret" in run(file, "config", "check").stdout


def test_every_mistake_is_told_at_once_with_its_line_and_without_its_content(file: Path) -> None:
    text = file.read_text().replace(
        "owner: nobody-yet", f"owner: nobody-yet\n    password: {CANARY}"
    )
    file.write_text(text.replace("refresh: 5m", "refresh: 10:30"))
    found = reply(file, "config", "check", code=2)
    assert not found["valid"]
    codes = {finding["code"]: finding["line"] for finding in found["findings"]}
    lines = file.read_text().splitlines()
    assert CANARY in lines[codes["config.inline-secret"] - 1]
    assert "10:30" in lines[codes["config.duration"] - 1]
    done = run(file, "status")
    assert done.exit_code == 2
    assert "2 mistakes" in done.stderr
    assert CANARY not in done.output + json.dumps(found)


def test_a_file_that_others_may_change_is_refused(file: Path) -> None:
    file.chmod(0o666)
    done = run(file, "status")
    assert done.exit_code == 2
    assert "config.mode" in done.stderr


def test_show_fills_in_every_default(file: Path) -> None:
    secret = reply(file, "config", "show", "prod-billing")["secrets"][0]
    assert (secret["class"], secret["max_age_s"]) == ("production", 90 * 86_400)
    assert secret["identity"] == "aws-iam/111122223333/billing"
    assert secret["grace_s"] == 600
    assert "grace_s: 600" in run(file, "config", "show").stdout
    assert run(file, "config", "show", "nothing").exit_code == 6


def test_show_has_the_routes_of_the_alerts(file: Path) -> None:
    route = "{id: oncall, type: webhook, url: /etc/keys/hook, secret: /etc/keys/a}"
    file.write_text(f"{file.read_text()}\nalerts: {{routes: [{route}]}}\n")
    (shown,) = reply(file, "config", "show")["alerts"]
    assert (shown["id"], shown["severities"]) == ("oncall", ["page", "warn"])


def test_the_schema_is_one_that_an_editor_reads(file: Path) -> None:
    schema = json.loads(run(file, "config", "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "secrets" in schema["properties"]


def test_diff_names_what_the_journal_does_not_know(file: Path) -> None:
    assert reply(file, "config", "diff")["new"] == ["prod-billing"]
    assert run(file, "config", "diff").stdout.split() == ["new", "prod-billing"]


def test_diff_names_what_left_and_what_changed_under_an_open_rotation(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert not any(shell.json("config", "diff")[word] for word in ("new", "gone", "changed"))
    spec = shell.configuration.spec
    plugin = type(spec.store)(type="other", options={})
    shell.configuration.spec = replace(spec, store=plugin)
    assert shell.json("config", "diff")["changed"] == {"app": ["store"]}
    shell.configuration.entry = shell.configuration.entry._replace(identity="simulated/new")
    assert shell.json("config", "diff")["gone"] == ["app"]


def test_diff_names_a_secret_that_has_another_name(shell: Shell) -> None:
    """A renaming without `was` is no news to the stream, and all the news to what is open."""
    shell.adopted()
    shell.configuration.entry = shell.configuration.entry._replace(id="other")
    assert shell.json("config", "diff")["renamed"] == {"app": "other"}
    assert "renamed  app -> other; add `was: app`" in shell.run("config", "diff").stdout


def test_diff_names_what_holds_only_from_the_next_rotation(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    shell.configuration.spec = replace(shell.configuration.spec, soak_s=1, quiet_s=1)
    assert shell.json("config", "diff")["later"] == {"app": ["quiet_s", "soak_s"]}
    assert "its open rotation ends as it began" in shell.run("config", "diff").stdout


@pytest.mark.parametrize("verb", ["journal check", "journal backup {0}/copy.db", "journal export"])
def test_the_journal_is_checked_copied_and_exported(file: Path, tmp_path: Path, verb: str) -> None:
    done = run(file, *verb.format(tmp_path).split())
    assert done.exit_code == 0, done.output
    again = run(file, *verb.format(tmp_path).split())
    assert again.exit_code == (2 if "backup" in verb else 0)


def test_a_backup_is_restored_beside_what_it_replaces(file: Path, tmp_path: Path) -> None:
    run(file, "journal", "backup", str(tmp_path / "copy.db"))
    assert run(file, "journal", "restore", str(tmp_path / "copy.db")).exit_code == 2
    done = run(file, "journal", "restore", str(tmp_path / "copy.db"), "--yes")
    assert done.exit_code == 0, done.output
    assert "the former one is" in done.stdout
    assert run(file, "journal", "check").exit_code == 0
    assert run(file, "journal", "upgrade").exit_code == 0


def test_a_lost_journal_is_never_made_in_passing(file: Path, tmp_path: Path) -> None:
    (tmp_path / "journal.db").unlink()
    for words in (("status",), ("adopt", "prod-billing"), ("run",), ("journal", "check")):
        done = run(file, *words)
        assert done.exit_code == 9, words
        assert "journal.missing" in done.stderr
    assert not (tmp_path / "journal.db").exists()


def test_the_check_says_which_pauses_have_ended(file: Path) -> None:
    pause = "    state: paused\n    until: 2020-01-01\n    reason: audit\n    by: ada\n"
    file.write_text(file.read_text().replace("    store:", f"{pause}    store:"))
    found = reply(file, "config", "check")
    assert (found["valid"], found["findings"][0]["code"]) == (True, "config.pause-over")
    assert "ended on 2020-01-01; it is rotated again" in run(file, "config", "check").stdout
    text = file.read_text().replace("2020-01-01", "2999-01-01")
    file.write_text(text)
    assert "config.pause-over" not in json.dumps(reply(file, "config", "check"))


def test_an_exception_that_is_over_is_refused_by_the_check_alone(file: Path) -> None:
    text = file.read_text().replace("class: production ", "class: development ")
    exception = "    exception: {owner: security, reason: slow, until: 2020-01-01}\n"
    file.write_text(text.replace("    store:", f"{exception}    store:"))
    found = reply(file, "config", "check", code=2)
    assert (found["valid"], found["findings"][0]["code"]) == (False, "config.exception-over")
    assert run(file, "status").exit_code == 0
