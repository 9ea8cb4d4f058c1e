"""Build what is released, and say what it is made of and where it comes from.

`dist/` then holds the wheel and the sources, the wheels of rotation-infra and rotation-demo, one CycloneDX list of components for each extra of the
runner, an in-toto statement with SLSA's provenance, and SHA256SUMS of them all. The same commit
makes the same bytes. Nothing is signed here: a release signs SHA256SUMS with the key that its
readers know.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
BESIDE = (ROOT / "infra", ROOT / "rotation" / "demo")
"""Distributions of their own, for those who want more than a runner."""
LOCKS = sorted((ROOT / "requirements").glob("runner-*.txt"))
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"


def said_by_git(*words: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *words],  # noqa: S607
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def run(*words: str, epoch: str, place: Path = ROOT) -> None:
    """A module of this environment, with the commit's time as the time of every file."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    subprocess.run([sys.executable, "-m", *words], cwd=place, env=environment, check=True)  # noqa: S603


def digest(path: Path) -> dict[str, str]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def components(lock: Path, epoch: str) -> None:
    """The packages that a runner with this extra installs, each with its hashes."""
    name = DIST / f"rotation-{lock.stem.removeprefix('runner-')}.cdx.json"
    run(
        "cyclonedx_py", "requirements", str(lock), "--pyproject", "pyproject.toml",
        "--output-reproducible", "--output-file", str(name), epoch=epoch,
    )  # fmt: skip


def provenance(built: list[Path]) -> dict[str, Any]:
    """What was built, from which commit, with which locks. A tree with changes is told as such."""
    commit = said_by_git("rev-parse", "HEAD")
    changed = bool(said_by_git("status", "--porcelain", "--untracked-files=no"))
    source = {"uri": "git+.", "digest": {"gitCommit": commit}, "annotations": {"changed": changed}}
    locks = [{"uri": f"requirements/{lock.name}", "digest": digest(lock)} for lock in LOCKS]
    return {
        "_type": STATEMENT,
        "subject": [{"name": path.name, "digest": digest(path)} for path in built],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": "make dist",
                "externalParameters": {},
                "resolvedDependencies": [source, *locks],
            },
            "runDetails": {"builder": {"id": "make dist"}},
        },
    }


def main() -> None:
    epoch = said_by_git("log", "-1", "--format=%ct")
    shutil.rmtree(DIST, ignore_errors=True)
    run("hatchling", "build", epoch=epoch)
    for place in BESIDE:
        run("hatchling", "build", "-t", "wheel", "-d", str(DIST), place=place, epoch=epoch)
    for lock in LOCKS:
        components(lock, epoch)
    built = sorted(DIST.iterdir())
    statement = DIST / "provenance.intoto.json"
    statement.write_text(json.dumps(provenance(built), indent=2) + "\n")
    sums = [f"{digest(path)['sha256']}  {path.name}\n" for path in [*built, statement]]
    (DIST / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
