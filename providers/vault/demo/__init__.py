"""`rotation demo --vault`: real rotations on a real Vault, all on this machine."""

from rotation.demo import needs
from rotation.errors import UsageError


def main() -> int:
    """The exit code is 0 only if every number at its end is what it must be."""
    needs("hvac")
    from providers.vault.testing.binary import found  # noqa: PLC0415 -- `rotation demo` alone pays

    try:
        program = found()
    except FileNotFoundError as error:
        raise UsageError("demo.no-vault", f"{error}", "correct it, or unset it") from None
    if program is None:
        raise UsageError(
            "demo.no-vault",
            "there is no Vault on this machine, and this demo is on a real one",
            "set VAULT_BIN, put `vault` on the PATH, or install Go and run `make vault`; "
            "`rotation demo` needs none",
        )
    from providers.vault.demo.environment import prepare  # noqa: PLC0415
    from rotation.demo.performance import perform  # noqa: PLC0415

    return perform("rotation demo --vault: real rotations on a real Vault of this machine", prepare)
