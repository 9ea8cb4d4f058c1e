"""What is asked of an installation that stands in a simulated world."""

from tests.rotation.cli.conftest import shell

__all__ = ["shell"]
