"""One scenario, played on any environment: real rotations while applications use what is rotated, a
runner that is killed, a credential that leaks, and the numbers at the end. Knows no provider."""

import importlib.util

from rotation.errors import UsageError


def needs(*libraries: str) -> None:
    """Half of them are loaded by processes that the demo starts: asked for before any is."""
    missing = next((name for name in libraries if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise UsageError(
            "demo.library-missing",
            f"the demo needs {missing}, which is not installed; nothing was started",
            "install it with `pip install 'rotation[demo]'`, from a checkout `pip install '.[demo]'`",
        )
