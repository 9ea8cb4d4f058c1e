"""The report and the reviews, of secrets on strict AWS."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner

from providers.aws.testing import StrictControl, spawn_strict_aws
from rotation.cli.app import program
from rotation.operations.controls import CONTROLS
from tests.e2e.installation import Installation
from tests.real.chromium import axe
from tests.support.configured import reply
from tests.support.receiver import receiving, webhook

_numbers = count(1)
NASTY = '<script>alert(1)</script> & "quotes" {{ 7 * 7 }}'


@pytest.fixture(scope="module")
def aws() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def one(aws: StrictControl, tmp_path: Path) -> Installation:
    """A key that is 100 days old."""
    root, name = tmp_path / "one", f"report-{next(_numbers)}"
    root.mkdir(mode=0o700)
    installation = Installation(root, aws, user=name, secret=f"{name}/app")
    installation.furnish()
    return installation


def run(one: Installation, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(program, ["-c", str(one.configuration), *words])
    assert done.exit_code == code, done.output
    return done.output


def test_the_inventory_says_whose_it_is_what_it_is_and_how_old(one: Installation) -> None:
    made = reply(one.configuration, "report")
    (line,) = made["secrets"]
    assert (line["secret"], line["owner"], line["application"]) == ("app", "team", "app")
    assert line["scope"] == f"aws-iam/123456789012/{one.user}"
    assert line["current"] == one.current()["id"]
    assert line["consumers"] == ["reader"]
    assert line["states"][0] == "past-max-age"
    assert made["overdue"] == ["app"]


def test_a_rotation_changes_what_is_overdue_used_and_counted(one: Installation) -> None:
    before = reply(one.configuration, "report")
    assert not any(each["used"] for each in before["access"] if each["set"] in ("mint", "revoke"))
    run(one, "report", "--control", "cis-aws-1.14", code=1)
    run(one, "rotate", "app", "--wait")
    after = reply(one.configuration, "report")
    assert after["overdue"] == []
    used = {each["set"]: each["used"] for each in after["access"]}
    assert used["mint"] and used["promote"] and used["revoke"]
    assert not used["contain"], "there was no emergency"
    assert "app" not in run(one, "report", "--control", "cis-aws-1.14")
    opened = [each for each in after["deeds"] if each["what"] == "opened routine"]
    assert [each["secret"] for each in opened] == ["app"]


def test_what_is_done_before_the_period_is_not_told(one: Installation) -> None:
    run(one, "rotate", "app", "--wait")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=100)):
        made = reply(one.configuration, "report")
        assert made["deeds"] == []
        assert not any(each["used"] for each in made["access"])
        assert reply(one.configuration, "report", "--days", "365")["deeds"]


def test_each_control_has_the_command_that_counts_it_again(one: Installation) -> None:
    made = reply(one.configuration, "report")
    assert [each["id"] for each in made["controls"]] == [each.id for each in CONTROLS]
    for each in made["controls"]:
        _, *words = each["command"].split()
        again = json.loads(run(one, *words, "-o", "json", code=1 if each["failing"] else 0))
        assert {key: again[key] for key in each} == each


def test_the_roles_are_asked_only_where_that_is_wanted(one: Installation) -> None:
    calls = one.aws.oracle.called()
    assert reply(one.configuration, "report")["as_found"] is None
    assert one.aws.oracle.called() == calls
    assert reply(one.configuration, "report", "--ask")["as_found"] == [], "it has no roles"


def test_the_page_says_the_same_and_escapes_what_people_wrote(
    one: Installation, tmp_path: Path
) -> None:
    run(one, "pause", "app", "--reason", NASTY)
    run(one, "review", "sign", "team", "--note", NASTY)
    page = tmp_path / "page.html"
    run(one, "report", "--out", str(page))
    text = page.read_text()
    assert "<script" not in text and "http" not in text, "it needs nothing else"
    assert "&lt;script&gt;" in text and "{{ 7 * 7 }}" in text
    assert one.user in text


def test_the_csv_is_read_by_a_spreadsheet_and_starts_no_formula(
    one: Installation, tmp_path: Path
) -> None:
    text = one.configuration.read_text().replace("owner: team", "owner: '@SUM(1)'")
    one.configuration.write_text(text)
    out = tmp_path / "inventory.csv"
    run(one, "report", "--out", str(out))
    (line,) = csv.DictReader(io.StringIO(out.read_text()))
    assert line["owner"] == "'@SUM(1)"
    assert line["secret"] == "app"


@pytest.mark.parametrize("name", ["report.pdf", "nowhere/report.html"])
def test_what_cannot_be_written_is_refused(one: Installation, tmp_path: Path, name: str) -> None:
    assert "error:" in run(one, "report", "--out", str(tmp_path / name), code=2)


def test_a_report_over_an_empty_journal_is_a_report(tmp_path: Path) -> None:
    configuration = tmp_path / "rotation.yaml"
    words = ["-c", str(configuration)]
    CliRunner().invoke(program, [*words, "init", "--journal", str(tmp_path / "j" / "journal.db")])
    out = tmp_path / "page.html"
    done = CliRunner().invoke(program, [*words, "report", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "There is no secret." in out.read_text()


def test_an_owner_s_review_is_asked_for_signed_and_due_again(one: Installation) -> None:
    one.write(extra="reviews: {every: 30d, within: 5d}")
    (at_first,) = reply(one.configuration, "review")["reviews"]
    assert at_first["state"] == "never"
    run(one, "review", "start", "team", "--within", "2d")
    (asked,) = reply(one.configuration, "review")["reviews"]
    assert asked["state"] == "open"
    run(one, "review", "sign", "team", "--note", "all of it is used")
    (signed,) = reply(one.configuration, "review")["reviews"]
    assert (signed["state"], signed["note"]) == ("signed", "all of it is used")
    for days, state in ((24, "signed"), (26, "open"), (31, "overdue")):
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
            (later,) = reply(one.configuration, "review")["reviews"]
            assert later["state"] == state
    assert "error:" in run(one, "review", "sign", "nobody", "--note", "x", code=6)


@pytest.mark.provokes("review-overdue")
def test_a_review_that_is_not_signed_in_time_is_an_alert(one: Installation, tmp_path: Path) -> None:
    with receiving() as receiver:
        route = webhook(receiver, tmp_path)
        one.write(extra="alerts: {routes: [{id: oncall, type: webhook, "
                        f"url: {route.url}, secret: {route.secret}}}]}}")  # fmt: skip
        run(one, "rotate", "app", "--wait")
        run(one, "review", "start", "--within", "1d")
        run(one, "run")
        with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
            run(one, "run")
            assert ("review-overdue", "raised") in receiver.received
            said = next(e["data"] for e in receiver.got if e["data"]["event"] == "review-overdue")
            assert said["next"] == 'rotation review sign team --note "..."'
            run(one, "review", "sign", "team", "--note", "all of it is used")
            run(one, "run")
        assert ("review-overdue", "resolved") in receiver.received


@pytest.mark.real
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_violation_that_axe_finds(
    one: Installation, tmp_path: Path, scheme: str
) -> None:
    """In a real Chromium, with every part of the page filled."""
    run(one, "rotate", "app", "--wait")
    run(one, "pause", "app", "--reason", "the fair", "--until", "7d")
    run(one, "review", "start", "--within", "1d")
    page = tmp_path / "page.html"
    run(one, "report", "--ask", "--out", str(page))
    switches = (
        ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    )
    found = axe(page, tmp_path, *switches)
    assert [each["id"] for each in found["violations"]] == []
    assert found["passes"] > 10, "it looked"
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace('lang="en"', ""))
    assert "html-has-lang" in {each["id"] for each in axe(broken, tmp_path)["violations"]}
