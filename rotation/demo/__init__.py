"""One scenario for any environment: real rotations while applications use what is rotated, a runner
that is killed, a credential that leaks, and measurements at the end. Knows no provider."""

import importlib.util

from rotation.errors import UsageError


def needs(*libraries: str) -> None:
    """Raises where a library is missing. Processes that the demo starts load half of them, so all
    are checked before any process starts."""
    missing = next((name for name in libraries if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise UsageError(
            "demo.library-missing",
            f"the demo needs {missing}, which is not installed; nothing was started",
            "install it with `pip install 'rotation[demo]'`, from a checkout `pip install '.[demo]'`",
        )
