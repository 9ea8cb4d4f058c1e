"""Makes an adapter raise only `rotation.errors`, as `rotation.interfaces` demands.

Any other exception, from a vendor's answer or an adapter's mistake, would end the whole process and
print a text that may hold a secret.
"""

import functools
import inspect
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from rotation.errors import Ambiguous, RotationError
from rotation.types import contains_live_value


@cache
def guarded(adapter: Any) -> Any:
    """A subclass that raises nothing else."""
    if not inspect.isclass(adapter):
        return adapter
    methods = {
        name: _coded(method, adapter.__name__)
        for name, method in inspect.getmembers(adapter, inspect.isfunction)
        if not name.startswith("_")
        and not isinstance(inspect.getattr_static(adapter, name), staticmethod)
        and not inspect.isgeneratorfunction(inspect.unwrap(method))
    }
    named = {"__module__": adapter.__module__, "__qualname__": adapter.__qualname__}
    return type(adapter.__name__, (adapter,), {**methods, **named})


def _coded(method: Callable[..., Any], adapter: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def coded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except RotationError as error:
            if contains_live_value(f"{vars(error)}"):
                raise _secret_in(adapter, method.__name__) from None
            raise
        except (Exception, SystemExit) as stray:  # noqa: BLE001 -- its text stays here
            raise Ambiguous(
                "adapter.failed",
                f"{adapter} broke off in {method.__name__} ({_where(stray)}): it may have happened",
                "nothing to do: it is looked at again; where it stays, report this line",
            ) from None

    return coded


def _secret_in(adapter: str, method: str) -> Ambiguous:
    """Checked while the secret is in memory: afterwards no text can be searched for it."""
    return Ambiguous(
        "adapter.secret",
        f"{adapter} put a secret into its own error in {method}; that is told to nobody, and what "
        "was asked for may have happened",
        "report this to the author of that plugin",
    )


def _where(stray: BaseException) -> str:
    """The exception's kind and place, never its text."""
    last = traceback.extract_tb(stray.__traceback__)[-1]
    return f"{type(stray).__name__}, {Path(last.filename).name}:{last.lineno}"
