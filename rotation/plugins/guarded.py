"""Makes an adapter raise only `rotation.errors` and return only what `rotation.interfaces` demands.

Any other exception, from a vendor's answer or an adapter's mistake, would end the whole process and
print a text that may hold a secret. A value of a wrong type would do so later, as if the fault were ours.
"""

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from rotation.errors import Ambiguous, RotationError, UsageError
from rotation.plugins.answers import misfit, spelt
from rotation.types import Traits, contains_live_value


def build(
    adapter: Any, kind: str, plugin: str, given: Sequence[Any], named: Mapping[str, Any]
) -> Any:
    """The adapter, checked as far as that can be done before it is called, and guarded."""
    check_methods(adapter, kind, plugin)
    built = guarded(adapter, kind)(*given, **named)
    check_data(built, kind, plugin)
    return built


@cache
def guarded(adapter: Any, kind: str = "") -> Any:
    """A subclass that raises and returns nothing else. kind: of the plugin."""
    if not inspect.isclass(adapter):
        return adapter
    answers = contract(kind)
    methods = {
        name: guard
        for name in dir(adapter)
        if not name.startswith("_")
        and (
            guard := _guard(name, inspect.getattr_static(adapter, name), adapter.__name__, answers)
        )
    }
    named = {"__module__": adapter.__module__, "__qualname__": adapter.__qualname__}
    return type(adapter.__name__, (adapter,), {**methods, **named})


def _guard(name: str, member: Any, adapter: str, answers: Mapping[str, Any]) -> Any:
    """The member as it is called, guarded; None where it stays as it is."""
    if isinstance(member, staticmethod | classmethod):
        within = _guard(name, member.__func__, adapter, answers)
        return within and type(member)(within)
    if not inspect.isfunction(member):
        return None
    if name not in answers and inspect.isgeneratorfunction(inspect.unwrap(member)):
        return None
    return _coded(name, member, adapter, answers.get(name, Any))


def check_methods(adapter: Any, kind: str, plugin: str) -> None:
    """Raises UsageError where a method is missing, or where calling it would not run it: a
    generator and a coroutine only promise to run, and nobody waits for them."""
    if not inspect.isclass(adapter):
        return
    for name in contract(kind):
        method = getattr(adapter, name, None)
        if any(lazy(method) for lazy in _LAZY):
            raise _broken_contract(
                plugin, kind, f"`{name}` would not run when it is called", method
            )
    if missing := [name for name in _demanded(kind) if not hasattr(adapter, name)]:
        raise _broken_contract(plugin, kind, f"`{missing[0]}` is missing", adapter)


def check_data(built: Any, kind: str, plugin: str) -> None:
    """Raises UsageError where what an issuer says about itself is nothing that plans are made of."""
    if kind == "issuers" and (what := misfit(getattr(built, "traits", None), Traits)):
        said = f"`traits` is {what}, and the contract says Traits"
        raise _broken_contract(plugin, kind, said, type(built).__mro__[1])


_LAZY = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def _broken_contract(plugin: str, kind: str, what: str, place: Any) -> UsageError:
    return UsageError(
        "plugin.contract",
        f"the plugin `{plugin}` breaks the contract of {kind}: {what} ({_source(place)}); nothing "
        "was done with it",
        "report it to the author of the plugin; docs/adding-a-provider.md has the contract",
    )


def _source(place: Any) -> str:
    with suppress(OSError, TypeError):
        return f"{inspect.getsourcefile(place)}:{inspect.getsourcelines(place)[1]}"
    return f"{place.__module__}.{place.__qualname__}"


@cache
def contract(kind: str) -> Mapping[str, Any]:
    """By method, what its contract says that it returns."""
    return {
        name: get_type_hints(method).get("return")
        for each in _contracts().get(kind, ())
        for name, method in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    }


@cache
def _demanded(kind: str) -> Sequence[str]:
    """The methods that every plugin of that kind has. A connection is used by its own family."""
    first = _contracts().get(kind, ())[:1] if kind != "connections" else ()
    return [
        name
        for each in first
        for name, _ in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    ]


@cache
def _contracts() -> Mapping[str, tuple[Any, ...]]:
    """By kind, the Protocol that each keeps, and those that it may keep."""
    from rotation import interfaces as page  # noqa: PLC0415 -- only who builds an adapter pays

    return {
        "issuers": (page.Issuer, page.DelegatedIssuer, page.Cautions, page.EndsSessions),
        "stores": (page.Store, page.KeepsOthers, page.RehearsesStaging, page.WritesOverLost),
        "probes": (page.Probe, page.NamesLogins),
        "consumers": (page.Consumer, page.Rehearses),
        "verifiers": (page.Verifier,),
        "connections": (page.Connection,),
    }


def _coded(name: str, method: Callable[..., Any], adapter: str, answers: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    def coded(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = method(*args, **kwargs)
        except RotationError as error:
            if contains_live_value(f"{vars(error)}"):
                raise _secret_in(adapter, name) from None
            raise
        except (Exception, SystemExit) as stray:  # noqa: BLE001 -- its text stays here
            raise Ambiguous(
                "adapter.failed",
                f"{adapter} broke off in {name} ({place_of(stray)}): it may have happened",
                "nothing to do: it is looked at again; where it stays, report this line",
            ) from None
        if what := misfit(answer, answers):
            if inspect.iscoroutine(answer):
                answer.close()
            raise _no_answer(adapter, name, what, answers)
        return answer

    return coded


def _no_answer(adapter: str, method: str, what: str, wanted: Any) -> Ambiguous:
    return Ambiguous(
        "adapter.wrong-answer",
        f"{adapter} returned {what} from {method}, where its contract says {spelt(wanted)}: "
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


def place_of(stray: BaseException) -> str:
    """The exception's kind and place, never its text."""
    last = traceback.extract_tb(stray.__traceback__)[-1]
    return f"{type(stray).__name__}, {Path(last.filename).name}:{last.lineno}"
