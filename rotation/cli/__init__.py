"""The command line. Importing it costs nothing; a verb is imported when it is typed."""

import gc


def main() -> None:
    """The `rotation` program. Ends the process with the exit code that `rotation.cli.failures`
    lists."""
    gc.disable()  # nothing that is imported goes away again; a verb that begins collects
    from rotation.cli.app import program  # noqa: PLC0415 -- the package itself stays empty

    program.main()
