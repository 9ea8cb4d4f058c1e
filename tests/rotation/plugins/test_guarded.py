"""Whatever an adapter raises, the machine sees an error of ours, without the adapter's text."""

import traceback
from dataclasses import dataclass

import pytest

from rotation.errors import Ambiguous, Denied
from rotation.plugins.guarded import guarded
from rotation.types import SecretValue

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
