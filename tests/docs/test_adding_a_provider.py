"""docs/adding-a-provider.md names what there is: kinds of entry points, and calls of connections."""

import ast
import inspect
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rotation.interfaces import PluginContext
from rotation.plugins.registry import installed
from rotation.runtime.clock import SystemClock
from rotation.testing.issuer import IssuerLife
from tests.docs.badge_issuer import BadgeIssuer, BadgeOptions
from tests.docs.badge_service import BadgeService

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """The table whose heading begins with that cell, as rows of cells."""
    table = PAGE.partition(f"| {first}")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


CALLS = [
    (row[0].strip("` "), method, re.findall(r"\w+", re.sub(r"=…", "", given)))
    for row in rows("connection |")
    for method, given in re.findall(r"(\w+)\(([^)]*)\)", row[1])
]


def test_calls_of_several_connections_are_documented() -> None:
    assert {kind for kind, _, _ in CALLS} == {"aws", "http", "postgres", "vault"}


@pytest.mark.parametrize(("kind", "method", "given"), CALLS)
def test_a_call_that_is_documented_can_be_made(kind: str, method: str, given: list[str]) -> None:
    connection = installed().load("connections", kind)
    signature = inspect.signature(getattr(connection, method))
    assert given == list(signature.parameters)[1 : len(given) + 1]


def test_every_kind_of_entry_point_is_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {group.removeprefix("rotation.") for group in project["entry-points"]}
    named = {name for row in rows("group ") for name in re.findall(r"`([\w.]+)`", row[0])}
    assert groups <= named


def test_an_issuer_that_cannot_be_ended_by_hand_hears_what_it_lacks() -> None:
    context = PluginContext(
        installation="0f3a9c2b71de", clock=SystemClock(), connections={"office": BadgeService()}
    )
    issuer = BadgeIssuer(BadgeOptions(connection="office", door="main"), context)
    mute = SimpleNamespace(by_hand=lambda handle_id, connections: None)
    bench: Any = SimpleNamespace(issuer=issuer, options=mute, settle=lambda: None)
    with pytest.raises(AssertionError, match="by_hand"):
        IssuerLife().test_a_person_can_end_it_where_nothing_of_ours_works(bench)


@pytest.mark.parametrize("suite", ["issuer", "probe"])
def test_an_assertion_of_a_suite_says_what_is_wrong(suite: str) -> None:
    tree = ast.parse((ROOT / "rotation" / "testing" / f"{suite}.py").read_text(encoding="utf-8"))
    mute = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert) and n.msg is None]
    assert mute == []
