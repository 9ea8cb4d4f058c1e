"""The page, the CSV, and what cannot be written."""

import csv
import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from rotation.cli.app import program
from tests.e2e.installation import Installation
from tests.real.chromium import axe
from tests.support.aged import aws, one, run

__all__ = ["aws", "one"]  # the fixtures

NASTY = '<script>alert(1)</script> & "quotes" {{ 7 * 7 }}'


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
