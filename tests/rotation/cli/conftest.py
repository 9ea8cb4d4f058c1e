"""The command line over a simulated world: the product's own verbs, machine and runner, a journal
in memory, a clock that passes when somebody waits."""

from tests.support.shell import shell

__all__ = ["shell"]
