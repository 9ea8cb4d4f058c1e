"""Finds the program: VAULT_BIN, `vault` on the PATH, or a build that was kept."""

import os
import shutil
from pathlib import Path

import platformdirs

VERSION = "1.21.0"
KEPT = platformdirs.user_cache_path("rotation-tests") / f"vault-{VERSION}" / "vault"

# Read once, because a test's own environment has none of this.
NAMED = os.environ.get("VAULT_BIN")
MISSING = (
    f"no Vault: set VAULT_BIN, or put `vault` on the PATH, or install Go and run `make vault` "
    f"(builds {VERSION} once)"
)


def found() -> Path | None:
    """A name that leads nowhere is an error; no other program is searched."""
    if NAMED:
        if not os.access(NAMED, os.X_OK):
            raise FileNotFoundError("VAULT_BIN names no program")
        return Path(NAMED)
    on_path = shutil.which("vault")
    if on_path:
        return Path(on_path)
    return KEPT if os.access(KEPT, os.X_OK) else None
