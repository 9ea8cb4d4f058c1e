"""The command line. Importing it loads nothing; a verb is imported when it is typed."""

import gc


def main() -> None:
    """The `rotation` program. Ends the process with the exit code that `rotation.cli.failures`
    lists."""
    gc.disable()  # imports stay for the life of the process; a verb switches collection on again
    from rotation.cli.app import program  # noqa: PLC0415 -- the package itself stays empty

    program.main()
