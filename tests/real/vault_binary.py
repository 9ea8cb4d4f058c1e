"""Where the tests' real Vault comes from. `python -m tests.real.vault_binary` finds or builds it.

No registry ships the program, but the Go module proxy has its source. In this order: VAULT_BIN,
`vault` on the PATH, a build that was kept, a build now. Without any of them the tests that need it
are skipped and say so; where CI or ROTATION_REQUIRE_REAL is set they fail.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from providers.vault.testing.binary import KEPT, MISSING, VERSION, found

MODULE = Path(__file__).parent / "vault"
PACKAGE = "github.com/hashicorp/vault"
BUILD = ("go", "build", "-trimpath", "-ldflags", "-s -w", "-o")

REQUIRED = bool(os.environ.get("CI") or os.environ.get("ROTATION_REQUIRE_REAL"))


def required() -> Path:
    """The program, or the end of this test: skipped, or failed where it must not be missing."""
    program = found()
    if program is None and REQUIRED:
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    return program


def build() -> Path | None:
    """Builds it once, even if several processes want it. None where there is no Go, or it fails."""
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
