"""Makes an adapter raise only `rotation.errors` and return only what `rotation.interfaces` demands.

Any other exception, from a vendor's answer or an adapter's mistake, would end the whole process and
print a text that may hold a secret. A value of a wrong type would do so later, as if the fault were ours.
"""

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from rotation.errors import Ambiguous, RotationError
from rotation.types import contains_live_value


@cache
def guarded(adapter: Any, kind: str = "") -> Any:
    """A subclass that raises and returns nothing else. kind: of the plugin."""
    if not inspect.isclass(adapter):
        return adapter
    answers = _answers(kind)
    methods = {
        name: _coded(method, adapter.__name__, answers.get(name))
        for name, method in inspect.getmembers(adapter, inspect.isfunction)
        if not name.startswith("_")
        and not isinstance(inspect.getattr_static(adapter, name), staticmethod)
        and not inspect.isgeneratorfunction(inspect.unwrap(method))
    }
    named = {"__module__": adapter.__module__, "__qualname__": adapter.__qualname__}
    return type(adapter.__name__, (adapter,), {**methods, **named})


@cache
def _answers(kind: str) -> Mapping[str, tuple[type, ...]]:
    """By method, the types that its contract names; none for a method that returns nothing."""
    from rotation import interfaces  # noqa: PLC0415 -- only who builds an adapter pays for it

    contracts: Mapping[str, tuple[type, ...]] = {
        "issuers": (interfaces.DelegatedIssuer, interfaces.Cautions),
        "stores": (interfaces.Store, interfaces.KeepsOthers),
        "probes": (interfaces.Probe, interfaces.NamesLogins),
        "connections": (interfaces.Connection,),
    }
    methods = {
        name: get_type_hints(method).get("return")
        for contract in contracts.get(kind, ())
        for name, method in inspect.getmembers(contract, inspect.isfunction)
        if not name.startswith("_")
    }
    return {name: types for name, method in methods.items() if (types := _types(method))}


def _types(annotation: Any) -> tuple[type, ...]:
    either = get_origin(annotation) in (Union, UnionType)
    parts = get_args(annotation) if either else (annotation,)
    types = tuple(get_origin(part) or part for part in parts)
    return () if types in ((NoneType,), (None,)) else types


def _coded(
    method: Callable[..., Any], adapter: str, answers: tuple[type, ...] | None
) -> Callable[..., Any]:
    @functools.wraps(method)
    def coded(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = method(*args, **kwargs)
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
        if answers and not isinstance(answer, answers):
            raise _no_answer(adapter, method.__name__, answer, answers)
        return answer

    return coded


def _no_answer(adapter: str, method: str, answer: object, wanted: tuple[type, ...]) -> Ambiguous:
    names = " or ".join(each.__name__ for each in wanted)
    return Ambiguous(
        "adapter.wrong-answer",
        f"{adapter} returned {type(answer).__name__} from {method}, where its contract says {names}: "
        "it may have happened",
        "report this line to the author of that plugin; what it was asked for is looked at again",
    )


def _secret_in(adapter: str, method: str) -> Ambiguous:
    """Checked while the secret is in memory: afterwards no text can be searched for it."""
    return Ambiguous(
        "adapter.secret",
        f"{adapter} put a secret into its own error in {method}; it is not shown, and what "
        "was asked for may have happened",
        "report this to the author of that plugin",
    )


def _where(stray: BaseException) -> str:
    """The exception's kind and place, never its text."""
    last = traceback.extract_tb(stray.__traceback__)[-1]
    return f"{type(stray).__name__}, {Path(last.filename).name}:{last.lineno}"
