"""Turns what a plugin raises while it is loaded or built into an error that names it.

Its own text may hold a secret, so only its kind and its place are shown.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

from rotation.errors import RotationError, UsageError
from rotation.types import contains_live_value


@contextmanager
def reporting_broken(point: EntryPoint) -> Iterator[None]:
    """Wraps the plugin's own code. A RotationError passes unchanged."""
    try:
        yield
    except RotationError:
        raise
    except ModuleNotFoundError as missing:
        name = "" if contains_live_value(f"{missing.name}") else f": {missing.name}"
        raise UsageError(
            "plugin.library-missing",
            f"`{point.name}` needs a library that is not installed{name}",
            _how_to_install(point),
        ) from None
    except (Exception, SystemExit) as stray:  # noqa: BLE001 -- its text stays here
        kind, name = point.group.removeprefix("rotation."), point.name
        raise UsageError(
            "plugin.broken",
            f"the plugin `{name}` ({kind}) failed while it was loaded: "
            f"{type(stray).__name__} at {_place(point, stray)}; nothing was done with it",
            "fix or reinstall that plugin, then run it again",
        ) from None


def _place(point: EntryPoint, stray: BaseException) -> str:
    """The last line of the plugin's own package that ran; where none did, what its entry point
    names."""
    if isinstance(stray, SyntaxError) and stray.filename:
        return f"{stray.filename}:{stray.lineno}"
    own = point.module.partition(".")[0]
    frames = traceback.walk_tb(stray.__traceback__)
    lines = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in frames
        if frame.f_globals.get("__name__", "").partition(".")[0] == own
        and not frame.f_code.co_filename.startswith("<")
    ]
    return lines[-1] if lines else point.value


def without_options(kind: str, name: str) -> UsageError:
    return UsageError(
        "plugin.no-options",
        f"`{name}` of the {kind} has no entry point in `rotation.options`",
        "its package has to declare one of that name, with the dataclass of its options",
    )


def _how_to_install(point: EntryPoint) -> str:
    family, _, rest = point.module.partition(".")
    if point.group == "rotation.demos":
        return "install rotation-demo; in the sources, `make demo` does"
    if family == "providers":
        return f"install rotation[{rest.partition('.')[0]}]"
    return "install what the plugin's own documentation names"
