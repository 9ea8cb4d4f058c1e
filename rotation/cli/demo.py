"""`demo`: real rotations to watch, against doubles on this machine or a real Vault."""

import click

from rotation.cli.app import verb
from rotation.plugins.registry import installed


@verb("demo", "demo", "demo --vault")
@click.option(
    "--vault",
    is_flag=True,
    help="On a real Vault: VAULT_BIN, `vault` on the PATH, or what `make vault` built.",
)
def demo(*, vault: bool) -> int:
    """Watch real rotations for about a minute; needs no account and no network.

    An IAM key, a password and a token are replaced while applications use them, the runner is
    killed in the middle, and a key leaks. With --vault a secret id of an AppRole takes the key's
    place. Everything is measured, and the exit code is 0 only if every number is what it must be.
    """
    code: int = installed().load("demos", "vault" if vault else "aws")()
    return code
