"""Whatever an adapter raises, the machine sees an error of ours, without the adapter's text."""

import inspect
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from rotation.errors import Ambiguous, Denied, UsageError
from rotation.plugins.guarded import check_data, check_methods, contract, guarded
from rotation.types import Handle, Listing, SecretValue

CANARY = "canary-password-in-a-text"


class Adapter:
    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0

    @property
    def traits(self) -> str:
        return "traits"

    def listing(self) -> int:
        raise TypeError(f"can't compare {CANARY}")

    def denied(self) -> None:
        raise Denied("vendor.denied", "no")

    def interrupted(self) -> None:
        raise KeyboardInterrupt

    def leaves(self) -> None:
        raise SystemExit(0)

    def reply(self) -> None:
        minted = SecretValue(CANARY)
        raise Denied("vendor.denied", "no", f"not with {minted.reveal()}")

    def destroy(self, handle: str, *, under: str = "revoke") -> tuple[str, str]:
        return handle, under


@dataclass(frozen=True)
class Consumer:
    path: str

    def rehearse(self) -> None:
        raise KeyError(CANARY)


def test_a_stray_exception_becomes_doubt_and_names_its_place() -> None:
    with pytest.raises(Ambiguous) as caught:
        guarded(Adapter)().listing()
    error = caught.value
    assert error.code == "adapter.failed"
    assert "Adapter broke off in listing (TypeError, test_guarded.py:" in error.message
    assert CANARY not in "".join(traceback.format_exception(error))


def test_an_error_with_a_secret_in_it_is_not_passed_on() -> None:
    with pytest.raises(Ambiguous) as caught:
        guarded(Adapter)().reply()
    assert caught.value.code == "adapter.secret"
    assert CANARY not in "".join(traceback.format_exception(caught.value))


KINDS = ("issuers", "stores", "probes", "consumers", "verifiers", "connections")


def ran_never(self: object) -> Iterator[int]:
    yield 1
    raise KeyError(CANARY)


async def ran_never_async(self: object) -> None:
    raise KeyError(CANARY)


async def ran_never_at_all(self: object) -> Any:
    yield 1


def returns_one(self: object) -> int:
    return 1


WANTED = {
    "issuers": {"listing", "issue", "usage", "handle_of", "read_back", "cautions"},
    "stores": {"state", "stage", "read", "place", "stale", "lacking"},
    "probes": {"login", "wrong"},
    "connections": {"own_credential"},
}


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, name) for kind in WANTED for name in sorted(WANTED[kind])]
)
def test_no_answer_where_there_has_to_be_one_is_the_fault_of_its_plugin(
    kind: str, method: str
) -> None:
    adapter = type("Forgetful", (), {method: lambda self: None})
    with pytest.raises(Ambiguous, match="Forgetful returned NoneType from ") as caught:
        getattr(guarded(adapter, kind)(), method)()
    assert caught.value.code == "adapter.wrong-answer"


def test_what_the_contract_lets_return_nothing_may() -> None:
    silent = type("Silent", (), {name: lambda self: None for name in ("login_name", "deliver")})
    assert guarded(silent, "probes")().login_name() is None
    assert guarded(silent, "consumers")().deliver() is None


def test_an_answer_of_another_type_is_told_by_its_type_alone() -> None:
    garbled = type("Garbled", (), {"state": lambda self: {"password": CANARY}})
    with pytest.raises(Ambiguous, match=r"returned dict from .*StoreState") as caught:
        guarded(garbled, "stores")().state()
    assert CANARY not in "".join(traceback.format_exception(caught.value))


NOTHING = [
    (kind, name) for kind in KINDS for name, said in contract(kind).items() if said is NoneType
]


@pytest.mark.parametrize(("kind", "method"), NOTHING)
@pytest.mark.parametrize("promise", [ran_never, ran_never_async, ran_never_at_all, returns_one])
def test_an_answer_where_the_contract_says_none_is_not_taken_for_done(
    kind: str, method: str, promise: Any
) -> None:
    adapter = type("Promising", (), {method: promise})
    with pytest.raises(Ambiguous, match=f"Promising returned .* from {method}, .* nothing: it"):
        getattr(guarded(adapter, kind)(), method)()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("promise", [ran_never, ran_never_async, ran_never_at_all])
@pytest.mark.parametrize("within", [lambda method: method, staticmethod, classmethod])
def test_a_method_that_would_not_run_is_named_with_its_place(
    kind: str, promise: Any, within: Any
) -> None:
    for method in contract(kind):
        adapter = type("Promising", (), {method: within(promise)})
        with pytest.raises(UsageError) as caught:
            check_methods(adapter, kind, "elsewhere")
        assert caught.value.code == "plugin.contract"
        assert f"`{method}` would not run when it is called" in caught.value.message
        line = inspect.getsourcelines(promise)[1]
        assert f"({Path(__file__)}:{line})" in caught.value.message


def test_static_and_class_methods_are_guarded_too() -> None:
    class Loose:
        @staticmethod
        def login() -> bool:
            return True

        @classmethod
        def wrong(cls) -> bool:
            raise KeyError(CANARY)

    with pytest.raises(Ambiguous, match="returned bool from login"):
        guarded(Loose, "probes")().login()
    with pytest.raises(Ambiguous, match="broke off in wrong"):
        guarded(Loose, "probes")().wrong()


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        (Listing(handles=(Handle(id="a"),)), None),
        (Listing(handles=(each for each in ())), "Listing whose `handles` is generator"),
        (Listing(handles=("a",)), "Listing whose `handles` is tuple with str in it"),
        (
            Listing(handles=(Handle(id="a", created=datetime(2026, 1, 1)),)),  # noqa: DTZ001
            "Listing whose `handles` is tuple with Handle whose `created` is datetime without a time zone in it",
        ),
    ],
)
def test_an_answer_is_looked_at_down_to_its_parts(listed: Any, what: str | None) -> None:
    adapter = guarded(type("Lister", (), {"listing": lambda self: listed}), "issuers")()
    if what is None:
        assert adapter.listing() is listed
        return
    with pytest.raises(Ambiguous) as caught:
        adapter.listing()
    assert f"Lister returned {what} from listing, where its contract says Listing" in str(
        caught.value
    )


@pytest.mark.parametrize("traits", [None, {"origin": "assigned"}])
def test_traits_that_are_none_are_named(traits: Any) -> None:
    with pytest.raises(UsageError, match=r"`traits` is .*, and the contract says Traits"):
        check_data(type("Vague", (), {"traits": traits})(), "issuers", "elsewhere")


def test_a_method_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="`deliver` is missing"):
        check_methods(type("Empty", (), {}), "consumers", "elsewhere")


def test_an_adapter_does_not_end_the_program() -> None:
    with pytest.raises(Ambiguous) as caught:
        guarded(Adapter)().leaves()
    assert caught.value.code == "adapter.failed"


@pytest.mark.parametrize(
    ("method", "kind"),
    [("denied", Denied), ("interrupted", KeyboardInterrupt)],
)
def test_what_is_ours_or_the_process_s_passes(method: str, kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        getattr(guarded(Adapter)(), method)()


def test_nothing_else_changes() -> None:
    adapter = guarded(Adapter)()
    assert isinstance(adapter, Adapter)
    assert type(adapter).__name__ == "Adapter"
    assert adapter.traits == "traits"
    assert adapter.destroy("k", under="contain") == ("k", "contain")
    assert guarded(Adapter) is guarded(Adapter)
    consumer = guarded(Consumer)("/run/app.json")
    assert consumer.path == "/run/app.json"
    assert hasattr(consumer, "rehearse")
    with pytest.raises(Ambiguous, match="KeyError"):
        consumer.rehearse()


def test_what_is_no_class_is_left_alone() -> None:
    assert guarded(len) is len
