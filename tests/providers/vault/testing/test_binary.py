"""The Vault that is looked for is the one that is built."""

from pathlib import Path

from providers.vault.testing.binary import VERSION
from tests.real.vault_binary import MODULE, PACKAGE


def test_the_build_that_is_kept_is_of_the_version_that_is_built():
    assert f"require {PACKAGE} v{VERSION}\n" in Path(MODULE / "go.mod").read_text()
