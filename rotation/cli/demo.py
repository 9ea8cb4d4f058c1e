"""`demo`: real rotations to watch, against doubles on this machine."""

from rotation.cli.app import verb
from rotation.registry import installed


@verb("demo", "demo")
def demo() -> int:
    """Watch real rotations for half a minute; needs no account and no network.

    An IAM key, a password and a token are replaced while applications use them, the runner is
    killed in the middle, and a key leaks. Everything is measured, and the exit code is 0 only if
    every number is what it must be.
    """
    code: int = installed().load("demos", "aws")()
    return code
