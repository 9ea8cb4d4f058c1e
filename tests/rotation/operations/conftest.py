"""What is asked of an installation that stands in a simulated world."""

from tests.support.shell import shell

__all__ = ["shell"]
