"""`rotation demo`: real rotations against strict AWS and a toy service, all on this machine."""

LIBRARIES = ("boto3", "cryptography", "moto", "flask", "flask_cors")
"""Half of them are loaded by processes that the show starts: asked for before any is."""


def main() -> int:
    """Run the show; the exit code is 0 only if every number at its end is what it must be."""
    from importlib.util import find_spec  # noqa: PLC0415 -- see below

    from rotation.errors import UsageError  # noqa: PLC0415

    missing = next((name for name in LIBRARIES if find_spec(name) is None), None)
    if missing is not None:
        raise UsageError(
            "demo.library-missing",
            f"the demo needs {missing}, which is not installed; nothing was started",
            "install it with `pip install 'rotation[demo]'`, from a checkout `pip install '.[demo]'`",
        )
    from providers.aws.demo.show import show  # noqa: PLC0415 -- `rotation demo` alone pays

    return show()
