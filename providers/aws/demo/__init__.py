"""`rotation demo`: real rotations against strict AWS and a toy service, all on this machine."""


def main() -> int:
    """Run the show; the exit code is 0 only if every number at its end is what it must be."""
    from rotation.errors import Usage  # noqa: PLC0415 -- see below

    try:
        from providers.aws.demo.show import show  # noqa: PLC0415 -- `rotation demo` alone pays
    except ImportError as missing:
        raise Usage(
            "demo.library-missing",
            f"the demo needs {missing.name}, which is not installed",
            "install rotation[demo]",
        ) from None
    return show()
