"""What is installed: a runner gets no double of a service and no demo; together nothing is missing."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EVERYTHING = {
    path.relative_to(ROOT).as_posix()
    for top in ("rotation", "providers")
    for path in (ROOT / top).rglob("*.py")
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    made = tmp_path_factory.mktemp("wheels")
    for place in (ROOT, ROOT / "rotation" / "demo"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made],
            cwd=place, check=True, capture_output=True,
        )  # fmt: skip
    return {
        path.name.partition("-")[0]: {
            name for name in zipfile.ZipFile(path).namelist() if name.endswith(".py")
        }
        for path in made.glob("*.whl")
    }


def test_a_runner_has_no_double_of_a_service_and_no_demo(wheels: dict[str, set[str]]) -> None:
    demos = {"rotation/demo", "providers/aws/testing", "providers/aws/demo", "providers/vault/demo",
             "providers/vault/testing", "providers/http/testing"}  # fmt: skip
    places = {str(Path(name).parent) for name in wheels["rotation"]}
    assert not {place for place in places if place.startswith(tuple(demos))}
    assert "rotation/testing" in places, "the suites for a provider of one's own"


def test_both_wheels_together_hold_every_module_once(wheels: dict[str, set[str]]) -> None:
    assert wheels["rotation"] | wheels["rotation_demo"] == EVERYTHING
    assert not wheels["rotation"] & wheels["rotation_demo"]
