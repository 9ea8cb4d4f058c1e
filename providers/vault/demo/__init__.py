"""`rotation demo --vault`: real rotations on a real Vault and a toy service, all on this machine."""


def main() -> int:
    """Run the show; the exit code is 0 only if every number at its end is what it must be."""
    from importlib.util import find_spec  # noqa: PLC0415 -- see below

    from providers.vault.testing.binary import found  # noqa: PLC0415
    from rotation.errors import UsageError  # noqa: PLC0415 -- `rotation demo` alone pays

    if find_spec("hvac") is None:
        raise UsageError(
            "demo.library-missing",
            "the demo needs hvac, which is not installed; nothing was started",
            "install it with `pip install 'rotation[demo]'`, from a checkout `pip install '.[demo]'`",
        )
    try:
        program = found()
    except FileNotFoundError as error:
        raise UsageError("demo.no-vault", f"{error}", "correct it, or unset it") from None
    if program is None:
        raise UsageError(
            "demo.no-vault",
            "there is no Vault on this machine, and this show is on a real one",
            "set VAULT_BIN, put `vault` on the PATH, or install Go and run `make vault`; "
            "`rotation demo` needs none",
        )
    from providers.vault.demo.show import show  # noqa: PLC0415

    return show()
