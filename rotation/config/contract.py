"""Whether a plugin's options keep the contract of `rotation.options`; checked when the plugin is
first named.

A finding names the plugin, the option and the place of its code. The core reads checked options
without looking at them again.
"""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from rotation.config.findings import Problem
from rotation.config.reading import key_of, reader
from rotation.options import KINDS, PluginOptions
from rotation.plugins.answers import misfit, spelt
from rotation.plugins.guarded import place_of


def broken(kind: str, name: str, options: Any, taken: Iterable[str]) -> Iterator[Problem]:
    """taken: the keys beside the options that do not belong to the plugin."""
    contract = KINDS[kind]
    for option, what in _breaches(contract, options, {"type", *taken}):
        yield _problem(kind, name, options, option, what)


def broken_words(kind: str, name: str, options: Any) -> Iterator[Problem]:
    """Of options that were read: each member is asked for what the core will read of it."""
    contract = KINDS[kind]
    for member in _members(contract):
        what = _word(contract, options, member)
        if what is not None:
            yield _problem(kind, name, type(options), member, what)


def _word(contract: type, options: Any, member: str) -> str | None:
    """What is wrong with what that member says; None: nothing."""
    stated = inspect.getattr_static(contract, member, None)
    if inspect.isfunction(stated) and list(inspect.signature(stated).parameters) != ["self"]:
        return _other_arguments(stated, getattr(options, member), member)
    said = _said(contract, stated, member)
    try:
        value = getattr(options, member)
        if inspect.isfunction(stated) and not callable(value):
            return f"`{member}` is {type(value).__name__}, and the contract says a method"
        value = value() if inspect.isfunction(stated) else value
    except Exception as stray:  # noqa: BLE001 -- its text stays here
        return f"`{member}` raises {place_of(stray)}"
    found = misfit(value, said)
    return found and f"`{member}` is {found}, and the contract says {spelt(said)}"


def _other_arguments(stated: Any, method: Any, member: str) -> str | None:
    given = [name for name in inspect.signature(stated).parameters if name != "self"]
    try:
        inspect.signature(method).bind(*given)
    except (TypeError, ValueError):
        return f"`{member}` is not called with {' and '.join(f'`{name}`' for name in given)}"
    return None


def _said(contract: type, stated: Any, member: str) -> Any:
    if isinstance(stated, property):
        return get_type_hints(stated.fget)["return"]
    if inspect.isfunction(stated):
        return get_type_hints(stated)["return"]
    hint = get_type_hints(contract)[member]
    return get_args(hint)[0] if get_origin(hint) is ClassVar else hint


def _problem(kind: str, name: str, options: Any, option: str, what: str) -> Problem:
    return Problem(
        ("type",),
        "plugin.contract",
        f"the options of `{name}` break the contract of {kind}: {what} ({_place(options, option)})",
        "report it to the author of the plugin; docs/adding-a-provider.md has the contract",
    )


def _breaches(contract: type, options: Any, taken: set[str]) -> Iterator[tuple[str, str]]:
    """An option or member of the contract, and what is wrong with it."""
    if not (isinstance(options, type) and dataclasses.is_dataclass(options)):
        yield "", "they are no dataclass"
        return
    members = _members(contract)
    own = {field.name: field for field in dataclasses.fields(options)}
    has = {*dir(options), *own}
    if missing := sorted((members.keys() - has) | _missing(options)):
        names = ", ".join(f"`{member}`" for member in missing)
        yield missing[0], f"{names} {'is' if len(missing) == 1 else 'are'} missing"
        return
    hints = get_type_hints(options, include_extras=True)
    for option, field in own.items():
        what = _unreadable(option, hints[option], taken)
        if what is None and option in members:
            what = _other(option, hints[option], members[option]) or _accident(options, field)
        if what is not None:
            yield option, what
    yield from _wrong_data(options, members, own)


def _members(contract: type) -> Mapping[str, Any]:
    """The members of the contract, each with the annotation that an option of that name must fit;
    None: no option may have that name."""
    bases = [each for each in contract.__mro__ if each.__module__ == contract.__module__]
    names = {name for each in bases for name in (*vars(each), *inspect.get_annotations(each))}
    hints = {
        name: hint
        for name, hint in get_type_hints(contract).items()
        if get_origin(hint) is not ClassVar
    }
    return {name: hints.get(name) for name in names if not name.startswith("_")}


def _missing(options: Any) -> frozenset[str]:
    missing: frozenset[str] = options.__dict__.get("__abstractmethods__", frozenset())
    return missing


def _unreadable(option: str, annotation: Any, taken: set[str]) -> str | None:
    key = key_of(option, annotation)
    if key in taken:
        return f"`{key}` is no option of a plugin, for every one of its kind has that key already"
    try:
        reader(annotation)
    except (KeyError, TypeError, ValueError, StopIteration):
        return f"`{option}` has a type that no configuration can say"
    return None


def _other(option: str, given: Any, wanted: Any) -> str | None:
    """An option that the core reads must have the type that the core expects."""
    if wanted is None:
        return f"`{option}` is no option, for the contract has another use for that name"
    if not _fits(given, wanted):
        return f"`{option}` is {_spelt(given)}, and the contract says {_spelt(wanted)}"
    return None


def _accident(options: type, field: "dataclasses.Field[Any]") -> str | None:
    """A bare `connection: str` takes the contract's class attribute for its default."""
    stated = any(field.name in vars(each) for each in _beside_the_contract(options))
    if stated or field.default is dataclasses.MISSING:
        return None
    return f"`{field.name}` has a default by accident: give it one, or write `= field()`"


def _beside_the_contract(options: type) -> Iterator[type]:
    return (each for each in options.__mro__ if each.__module__ != PluginOptions.__module__)


def _fits(given: Any, wanted: Any) -> bool:
    """Whether every value of the given type is one of the wanted type."""
    if wanted is Any:
        return True
    if get_origin(given) is Annotated:
        return _fits(get_args(given)[0], wanted)
    if get_origin(given) in (Union, UnionType):
        return all(_fits(each, wanted) for each in get_args(given))
    if get_origin(wanted) in (Union, UnionType):
        return any(_fits(given, each) for each in get_args(wanted))
    if get_origin(given) is Literal:
        return all(_is_one(each, wanted) for each in get_args(given))
    if get_origin(given) and get_origin(given) is get_origin(wanted):
        return all(map(_fits, get_args(given), get_args(wanted)))
    return bool(given == wanted)


def _is_one(value: object, wanted: Any) -> bool:
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    return type(value) is wanted


def _spelt(annotation: Any) -> str:
    if annotation is NoneType:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _wrong_data(
    options: Any, members: Mapping[str, Any], own: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Attributes of the class that count for all its options."""
    for member in ("CONNECTIONS", "FIELDS"):
        said = options.__dict__.get(member, ()) if member in members else ()
        if not isinstance(said, tuple) or not all(type(each) is str for each in said):
            yield member, f"`{member}` is no tuple of texts"
    if "connection" in own and "CONNECTIONS" in members and not options.CONNECTIONS:
        yield "connection", "`connection` is there, but `CONNECTIONS` names no type of one"


def _place(options: Any, option: str) -> str:
    """The file and line of that option, else of the class."""
    with suppress(OSError, TypeError, SyntaxError):
        file = inspect.getsourcefile(options)
        lines, first = inspect.getsourcelines(options)
        [stated] = ast.parse(textwrap.dedent("".join(lines))).body
        assert isinstance(stated, ast.ClassDef)
        line = next((each.lineno for each in stated.body if _names(each, option)), 1)
        return f"{file}:{first + line - 1}"
    return f"{options.__module__}.{options.__qualname__}"


def _names(node: ast.stmt, option: str) -> bool:
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return name == option
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name == option
        case _:
            return False
