"""Where the tests' real Vault comes from. `python -m tests.real.vault_binary` finds or builds it.

No registry ships the program, but the Go module proxy has its source. In this order: VAULT_BIN,
`vault` on the PATH, a build that was kept, a build now. Without any of them the tests that need it
are skipped and say so; where CI or ROTATION_REQUIRE_REAL is set they fail.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

MODULE = Path(__file__).parent / "vault"
PACKAGE = "github.com/hashicorp/vault"
VERSION = re.search(rf"^require {PACKAGE} v(\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)[
    1
]
KEPT = platformdirs.user_cache_path("rotation-tests") / f"vault-{VERSION}" / "vault"
BUILD = ("go", "build", "-trimpath", "-ldflags", "-s -w", "-o")

# A test's own environment has none of this.
NAMED = os.environ.get("VAULT_BIN")
REQUIRED = bool(os.environ.get("CI") or os.environ.get("ROTATION_REQUIRE_REAL"))
MISSING = (
    f"no Vault: set VAULT_BIN, or put `vault` on the PATH, or install Go and run `make vault` "
    f"(builds {VERSION} once)"
)


def found() -> Path | None:
    """The program, without building it. A name that leads nowhere is an error, not a detour."""
    if NAMED:
        assert os.access(NAMED, os.X_OK), "VAULT_BIN names no program"
        return Path(NAMED)
    on_path = shutil.which("vault")
    if on_path:
        return Path(on_path)
    return KEPT if os.access(KEPT, os.X_OK) else None


def required() -> Path:
    """The program, or the end of this test: skipped, or failed where it must not be missing."""
    program = found()
    if program is None and REQUIRED:
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    return program


def build() -> Path | None:
    """Builds it once, whoever else wants it meanwhile. None where there is no Go, or it fails."""
    if shutil.which("go") is None:
        return None
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with (KEPT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found() is None:
            print(f"Building Vault {VERSION} from source, once: 5 to 10 minutes ...", flush=True)
            unfinished = KEPT.with_suffix(".unfinished")
            done = subprocess.run([*BUILD, str(unfinished), PACKAGE], cwd=MODULE, check=False)
            if done.returncode == 0:
                unfinished.rename(KEPT)
    return found()


if __name__ == "__main__":
    program = found() or build()
    print(f"Vault for the tests: {program}" if program else MISSING)
    sys.exit(REQUIRED and program is None)
