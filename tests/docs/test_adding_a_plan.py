"""The rows and the plan of docs/adding-a-plan.md, added to a copy of the tree and rotated."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-plan.md").read_text(encoding="utf-8")

ROTATE = """
from rotation.machine.decide import Close
from rotation.report.events import events
from rotation.plan import PLANS
from tests.support import stories

story = stories.seeded(exclusive=True)
assert stories.routine(story) == Close("succeeded"), "the row is done"
told = [name for _, name, _ in events(story.entries(), lambda stream: "app")]
assert told[told.index("rotation.looked-again") - 1] == "rotation.live-verified", told
stories.open_plan(story, "recheck")
assert story.drive() == Close("succeeded"), "the plan is done"
assert story.violations() == []
"""


def sections() -> dict[str, list[str]]:
    """The diffs under each heading."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^```diff\n(.+?)^```$", text, re.DOTALL | re.MULTILINE)
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def touched(diffs: list[str]) -> set[str]:
    return {name for diff in diffs for name in re.findall(r"^\+\+\+ b/(.+)$", diff, re.MULTILINE)}


def test_a_row_touches_two_files_and_a_plan_one_and_whoever_opens_it() -> None:
    (row, row_diffs), (plan, plan_diffs) = sections().items()
    assert row.startswith(f"A row: {len(touched(row_diffs))} files")
    assert plan.startswith(f"A plan: {len(touched(plan_diffs)) + 1} files")


def test_what_is_added_is_rotated(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "rotation", tmp_path / "rotation", ignore=shutil.ignore_patterns("*.pyc")
    )
    for diff in (diff for diffs in sections().values() for diff in diffs):
        git = ["git", "apply", "--unidiff-zero", "-"]
        done = subprocess.run(
            git, cwd=tmp_path, check=False, input=diff, text=True, capture_output=True
        )
        assert done.returncode == 0, f"docs/adding-a-plan.md: the lines around it changed\n{diff}"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    ran = subprocess.run(
        [sys.executable, "-c", ROTATE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        text=True,
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr
