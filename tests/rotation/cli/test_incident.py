"""An incident on the terminal and as a file."""

import json
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.real.chromium import axe
from tests.support.aged import aws, one, run
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures

NASTY = "<b>gone</b> | `x` {{ 7 * 7 }}"


@pytest.fixture
def leaked(one: Installation) -> Installation:
    run(one, "emergency", "app", "--yes", "--reason", "pasted in a chat")
    return one


def test_it_is_listed_shown_noted_and_closed_by_the_commands_that_it_prints(
    leaked: Installation,
) -> None:
    (listed,) = reply(leaked.configuration, "incident")["incidents"]
    assert (listed["state"], listed["unproven"]) == ("to close", [])
    shown = run(leaked, "incident", "show", listed["id"])
    assert "✓ Immediately revoke" in shown
    assert f'next: rotation incident close {listed["id"]} --note "..."' in shown
    run(leaked, "incident", "note", "app", "pushed to a public fork")
    run(leaked, "incident", "close", listed["id"], "--note", "the fork is gone")
    (closed,) = reply(leaked.configuration, "incident")["incidents"]
    assert closed["state"] == "closed"
    assert [each["done"] for each in closed["checks"]] == [True] * 5
    assert "next:" not in run(leaked, "incident", "show", "app")


def test_without_an_emergency_there_is_none(one: Installation) -> None:
    assert "there is no incident" in run(one, "incident")
    assert "code: incident.unknown" in run(one, "incident", "show", "app", code=6)


@pytest.mark.parametrize("kind", ["html", "md", "json"])
def test_a_file_of_it_shows_what_people_wrote_as_they_wrote_it(
    leaked: Installation, tmp_path: Path, kind: str
) -> None:
    run(leaked, "incident", "note", "app", NASTY)
    out = tmp_path / f"incident.{kind}"
    run(leaked, "incident", "show", "app", "--out", str(out))
    text = out.read_text()
    if kind == "json":
        assert any(NASTY in each["what"] for each in json.loads(text)["timeline"])
        return
    assert "pasted in a chat" in text
    assert "7 * 7" in text
    if kind == "html":
        assert "<b>gone" not in text
        assert "&lt;b&gt;gone" in text
    else:
        (row,) = (line for line in text.splitlines() if "7 * 7" in line)
        assert row.count("|") == 4, "the table keeps its columns"


def test_a_kind_of_file_that_is_not_known_is_refused(leaked: Installation, tmp_path: Path) -> None:
    refused = run(leaked, "incident", "show", "app", "--out", str(tmp_path / "x.pdf"), code=2)
    assert "code: report.kind" in refused


@pytest.mark.real
def test_the_page_has_no_violation_that_axe_finds(leaked: Installation, tmp_path: Path) -> None:
    page = tmp_path / "incident.html"
    run(leaked, "incident", "show", "app", "--out", str(page))
    assert [each["id"] for each in axe(page, tmp_path)["violations"]] == []
