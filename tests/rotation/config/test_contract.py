"""Options that break what the core reads of them are named before they are read."""

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rotation.config.contract import broken, broken_words
from rotation.options import KINDS, ConnectionOptions, ConsumerOptions, IssuerOptions, StoreOptions
from rotation.plugins.registry import installed
from rotation.types import Traits

HEAD = ("id", "accept_elapsed", "gone")
TRAITS_OF_IT = Traits(origin="assigned", can_suspend=True, reports_usage=False)


class Consumer(ConsumerOptions):
    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = True


class Issuer(IssuerOptions):
    TRAITS: ClassVar = TRAITS_OF_IT
    FIELDS: ClassVar = ("key",)

    def identity(self, connections: Any) -> str:
        return "elsewhere/app"


@dataclass(frozen=True, kw_only=True)
class Whole(Consumer):
    """An option is only what it says that it is."""

    CONNECTIONS: ClassVar = ("cluster", "aws")

    connection: str = field()
    path: str
    argv: str = ""
    files_below: str | None = None


@dataclass(frozen=True, kw_only=True)
class WithoutIdentity(IssuerOptions):
    TRAITS: ClassVar = TRAITS_OF_IT


@dataclass(frozen=True, kw_only=True)
class WithoutAnything:
    connection: str


class NoDataclass(Consumer): ...


@dataclass(frozen=True, kw_only=True)
class Shadowing(Consumer):
    id: str


@dataclass(frozen=True, kw_only=True)
class Typed(Consumer):
    type: str


@dataclass(frozen=True, kw_only=True)
class AnotherRole(Consumer):
    role: str = "admin"


@dataclass(frozen=True, kw_only=True)
class OtherFiles(Consumer):
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Location(StoreOptions):
    location: str = ""

    def home(self, connections: Any) -> str:
        return "elsewhere"


@dataclass(frozen=True, kw_only=True)
class Accident(Issuer):
    CONNECTIONS: ClassVar = ("aws",)

    connection: str


@dataclass(frozen=True, kw_only=True)
class OnAnything(Issuer):
    connection: str = field()


@dataclass(frozen=True, kw_only=True)
class OneText(Issuer):
    CONNECTIONS: ClassVar = "aws"

    connection: str = field()


@dataclass(frozen=True, kw_only=True)
class Unsayable(Issuer):
    when: complex = 0j


@dataclass(frozen=True, kw_only=True)
class Lags(ConnectionOptions):
    settle_s: str = "soon"


@pytest.mark.parametrize(
    ("kind", "options", "option", "said"),
    [
        ("issuers", WithoutIdentity, "identity", "`identity` is missing"),
        ("issuers", WithoutAnything, "", "`TRAITS`, `audit_command`, `by_hand`"),
        ("consumers", NoDataclass, "", "they are no dataclass"),
        ("consumers", Shadowing, "id", "`id` is no option of a plugin"),
        ("consumers", Typed, "type", "`type` is no option of a plugin"),
        ("consumers", AnotherRole, "role", "`role` is str, and the contract says"),
        ("consumers", OtherFiles, "files", "`files` is no option"),
        ("stores", Location, "location", "`location` is no option"),
        ("issuers", Accident, "connection", "`connection` has a default by accident"),
        ("issuers", OnAnything, "connection", "`CONNECTIONS` names no type of one"),
        ("issuers", OneText, "CONNECTIONS", "`CONNECTIONS` is no tuple of texts"),
        ("issuers", Unsayable, "when", "`when` has a type that no configuration can say"),
        ("connections", Lags, "settle_s", "`settle_s` is str, and the contract says int"),
    ],
)
def test_what_breaks_the_contract_is_named_with_its_place(
    kind: str, options: Any, option: str, said: str
) -> None:
    problems = list(broken(kind, "elsewhere", options, HEAD if kind == "consumers" else ()))
    [problem] = [each for each in problems if said in each.message]
    assert problem.code == "plugin.contract"
    assert problem.where == ("type",)
    assert problem.message.startswith(f"the options of `elsewhere` break the contract of {kind}: ")
    lines, first = inspect.getsourcelines(options)
    within = [n for n, line in enumerate(lines) if line.strip().startswith(f"{option}:")]
    line = first + (within[0] if option and within else 0)
    assert problem.message.endswith(f"({Path(__file__)}:{line})")


def raises(self: object, *given: object) -> Any:
    raise KeyError("EXAMPLE")


@pytest.mark.parametrize(
    ("kind", "member", "stated", "said"),
    [
        ("consumers", "PUSHED", "no", "`PUSHED` is str, and the contract says bool"),
        ("consumers", "files", raises, "`files` raises KeyError, test_contract.py:"),
        ("consumers", "files", lambda self: ["/run"], "`files` is list, and the contract says"),
        ("consumers", "files", lambda self: {"path": 5}, "`files` is dict with int in it"),
        ("consumers", "files", "/run", "`files` is str, and the contract says a method"),
        ("consumers", "commands", lambda self: None, "`commands` is NoneType"),
        ("consumers", "grants", lambda self: None, "`grants` is NoneType"),
        ("consumers", "refresh_s", "soon", "`refresh_s` is str"),
        ("issuers", "TRAITS", None, "`TRAITS` is NoneType, and the contract says Traits"),
        ("issuers", "TRAITS", {}, "`TRAITS` is dict, and the contract says Traits"),
        ("issuers", "TRAITS", property(raises), "`TRAITS` raises KeyError"),
        ("issuers", "identity", lambda self: "x", "`identity` is not called with `connections`"),
        ("issuers", "by_hand", lambda self, key: "x", "is not called with `handle_id` and"),
        ("issuers", "ADVISED", "90d", "`ADVISED` is str"),
        ("issuers", "PUBLIC", ["name"], "`PUBLIC` is list, and the contract says frozenset"),
    ],
)
def test_a_member_that_says_something_else_is_named_with_its_place(
    kind: str, member: str, stated: Any, said: str
) -> None:
    base: Any = Consumer if kind == "consumers" else Issuer
    stating = dataclass(frozen=True, kw_only=True)(type("Stating", (base,), {member: stated}))
    [problem] = broken_words(kind, "elsewhere", stating())
    assert problem.code == "plugin.contract"
    assert said in problem.message
    assert "Stating" in problem.message
    assert "EXAMPLE" not in problem.message


@pytest.mark.parametrize("kind", KINDS)
def test_ours_keep_it(kind: str) -> None:
    for name in installed().names(kind):
        beside = HEAD if kind == "consumers" else ()
        found = broken(kind, name, installed().options(kind, name), beside)
        assert not [each.message for each in found], name


def test_an_option_of_any_other_name_is_the_plugin_s_own() -> None:
    assert not list(broken("consumers", "elsewhere", Whole, HEAD))
    chosen = Whole(connection="main", path="namespaces/billing")
    assert (chosen.files(), chosen.commands()) == ({}, {})
