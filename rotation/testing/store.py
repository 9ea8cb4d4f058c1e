"""StoreConformance: what every store promises, asked of its service."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from rotation.errors import Ambiguous, Conflict, Denied, NeedsPerson, RotationError, Transient
from rotation.interfaces import Store
from rotation.testing import CallFault
from rotation.types import (
    COMPROMISED,
    PENDING,
    PREVIOUS,
    Credential,
    PermissionSet,
    contains_live_value,
)

FIRST, SECOND, THIRD = (f"{number:032x}" for number in (1, 2, 3))
UNDER = PermissionSet.VERIFY


class StoreBench(Protocol):
    """The store under test on one empty secret, and what its service says of it."""

    @property
    def store(self) -> Store: ...

    @property
    def installation(self) -> str: ...

    def credential(self, number: int) -> Credential:
        """A credential with the fields that the store is configured for; another per number."""
        ...

    def seen(self) -> Mapping[str, str] | None:
        """The fields, by their names in the secret, that a consumer reads now; None: nothing."""
        ...

    def given(self, new: Credential) -> Mapping[str, str]:
        """The fields of that credential as a consumer sees them."""
        ...

    def edit(self, fields: Mapping[str, str]) -> None:
        """A person adds these fields, which are not ours, to the current version."""
        ...

    def move_current(self, version: str) -> None:
        """A person makes that version current."""
        ...

    def remove(self) -> None:
        """Removes the secret."""
        ...

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        """Makes the next call of the method `operation` fail in this way. Skip what cannot be
        produced."""
        ...


class StoreConformance:
    """Inherit and override `bench`."""

    @pytest.fixture
    def bench(self) -> StoreBench:
        raise NotImplementedError("override the fixture `bench`")

    def test_an_empty_secret_has_no_pointers(self, bench: StoreBench) -> None:
        state = bench.store.state()
        assert (state.current, state.pending, state.pointers) == (None, None, frozenset())

    def test_a_missing_secret_needs_a_person(self, bench: StoreBench) -> None:
        bench.remove()
        with pytest.raises(NeedsPerson):
            bench.store.state()

    def test_a_placeholder_makes_an_empty_secret_current(self, bench: StoreBench) -> None:
        version = bench.store.place(FIRST)
        assert bench.store.place(FIRST) == version
        assert bench.store.state().current == version
        with pytest.raises(Transient):
            bench.store.read(version, under=UNDER)

    def test_what_is_not_empty_gets_no_placeholder(self, bench: StoreBench) -> None:
        current = _current(bench)
        seen = bench.seen()
        with pytest.raises(Conflict):
            bench.store.place(THIRD)
        assert bench.store.state().current == current
        assert bench.seen() == seen

    def test_staging_changes_nothing_that_readers_get(self, bench: StoreBench) -> None:
        current = _current(bench)
        seen = bench.seen()
        version = bench.store.stage(SECOND, bench.credential(2), onto=current)
        assert bench.seen() == seen
        state = bench.store.state()
        assert (state.current, state.pending) == (current, version)

    def test_staging_an_attempt_again_is_the_same(self, bench: StoreBench) -> None:
        current = _current(bench)
        version = bench.store.stage(SECOND, bench.credential(2), onto=current)
        assert bench.store.stage(SECOND, bench.credential(2), onto=current) == version
        assert bench.store.state().pending == version

    def test_an_attempt_never_gets_other_bytes(self, bench: StoreBench) -> None:
        current = _current(bench)
        version = bench.store.stage(SECOND, bench.credential(2), onto=current)
        with pytest.raises(Conflict):
            bench.store.stage(SECOND, bench.credential(3), onto=current)
        assert bench.store.read(version, under=UNDER) == bench.credential(2).fields

    def test_what_is_read_is_what_was_staged(self, bench: StoreBench) -> None:
        current = _current(bench)
        version = bench.store.stage(SECOND, bench.credential(2), onto=current)
        assert bench.store.read(version, under=UNDER) == bench.credential(2).fields
        assert bench.store.read(current, under=PermissionSet.PROVE) == bench.credential(1).fields

    def test_a_version_that_is_not_there_may_still_come(self, bench: StoreBench) -> None:
        current = _current(bench)
        with pytest.raises(Transient):
            bench.store.read(current[:-1] + "f", under=UNDER)

    def test_promoting_gives_readers_the_new_one(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        for _ in range(2):
            bench.store.promote(new, expecting=old)
        assert bench.seen() == bench.given(bench.credential(2))
        state = bench.store.state()
        assert (state.current, state.labels.get(PREVIOUS)) == (new, old)
        assert bench.store.read(new, under=UNDER) == bench.credential(2).fields

    def test_the_old_one_comes_back_the_same_way(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        bench.store.promote(new, expecting=old)
        bench.store.promote(old, expecting=new)
        assert bench.seen() == bench.given(bench.credential(1))

    def test_somebody_else_s_promotion_is_left_alone(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        bench.store.promote(new, expecting=old)
        third = bench.store.stage(THIRD, bench.credential(3), onto=new)
        bench.move_current(old)
        seen = bench.seen()
        with pytest.raises(Conflict):
            bench.store.promote(third, expecting=new)
        assert bench.seen() == seen
        assert bench.store.state().current == old

    def test_of_two_promotions_one_wins(self, bench: StoreBench) -> None:
        old, one = _staged(bench)
        two = bench.store.stage(THIRD, bench.credential(3), onto=old)
        with ThreadPoolExecutor(2) as pool:
            tries = [pool.submit(bench.store.promote, to, expecting=old) for to in (one, two)]
        errors = [error for error in (one_try.exception() for one_try in tries) if error]
        assert [type(error) for error in errors] == [Conflict]
        assert bench.store.state().current in (one, two)

    def test_nothing_is_pending_afterwards(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        bench.store.promote(new, expecting=old)
        for _ in range(2):
            bench.store.unlabel(new, PENDING, under=PermissionSet.PROMOTE)
        state = bench.store.state()
        assert (state.current, state.pending) == (new, None)

    def test_a_label_is_taken_off_that_version_only(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        bench.store.unlabel(old, PENDING, under=PermissionSet.PROMOTE)
        assert bench.store.state().pending == new

    def test_a_compromised_version_carries_its_mark(self, bench: StoreBench) -> None:
        old, new = _staged(bench)
        for version in (old, old, new):
            bench.store.mark_compromised(version)
            assert bench.store.state().labels[COMPROMISED] == version
        assert bench.seen() == bench.given(bench.credential(1))

    def test_a_claim_is_seen_by_everybody(self, bench: StoreBench) -> None:
        _current(bench)
        assert bench.store.state().claim is None
        bench.store.claim(bench.installation)
        assert bench.store.state().claim == bench.installation

    @pytest.mark.parametrize("value", ["plain", "näïve 日本 🔑", 'a "quote" \\ and\nmore'])
    def test_what_is_not_ours_stays(self, bench: StoreBench, value: str) -> None:
        _current(bench)
        bench.edit({"elsewhere": value})
        current = bench.store.state().current
        assert current is not None
        version = bench.store.stage(SECOND, bench.credential(2), onto=current)
        bench.store.promote(version, expecting=current)
        assert bench.seen() == {**bench.given(bench.credential(2)), "elsewhere": value}

    @pytest.mark.parametrize(
        "operation", ["stage", "promote", "unlabel", "mark_compromised", "claim"]
    )
    @pytest.mark.parametrize("kind", [CallFault.LOST, CallFault.BROKEN])
    def test_an_unanswered_change_is_made_again(
        self, bench: StoreBench, operation: str, kind: CallFault
    ) -> None:
        old, new = _staged(bench)
        with bench.trouble(operation, kind), pytest.raises((Ambiguous, Transient)):
            _do(bench, operation, old, new)
        _do(bench, operation, old, new)

    def test_bytes_that_may_have_arrived_are_in_doubt(self, bench: StoreBench) -> None:
        current = _current(bench)
        with bench.trouble("stage", CallFault.LOST), pytest.raises(Ambiguous):
            bench.store.stage(SECOND, bench.credential(2), onto=current)
        version = bench.store.state().pending
        assert version is not None
        assert bench.store.read(version, under=UNDER) == bench.credential(2).fields

    @pytest.mark.parametrize(
        "operation", ["state", "stage", "read", "promote", "unlabel", "mark_compromised", "claim"]
    )
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (CallFault.DENIED, Denied),
            (CallFault.THROTTLED, Transient),
            (CallFault.UNREACHABLE, Transient),
        ],
    )
    def test_what_did_not_happen_changed_nothing(
        self, bench: StoreBench, operation: str, kind: CallFault, expected: type[RotationError]
    ) -> None:
        old, new = _staged(bench)
        before = bench.store.state()
        with bench.trouble(operation, kind), pytest.raises(expected) as caught:
            _do(bench, operation, old, new)
        assert caught.value.hint, f"the {type(caught.value).__name__} has no hint: what to do next"
        after = bench.store.state()
        assert (after.labels, after.claim) == (before.labels, before.claim)

    def test_nothing_secret_is_told(
        self, bench: StoreBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        old, new = _staged(bench)
        credentials = [bench.credential(number) for number in (1, 2, 3)]  # alive, so searched for
        with pytest.raises(Conflict) as caught:
            bench.store.stage(SECOND, credentials[2], onto=old)
        assert not contains_live_value(f"{caught.value} {caught.value.__dict__}")
        assert not contains_live_value(f"{bench.store.read(new, under=UNDER)}")
        assert not contains_live_value(f"{bench.store.state()}")
        assert not contains_live_value(caplog.text)


def _current(bench: StoreBench) -> str:
    """The secret holds credential 1; returns its version."""
    empty = bench.store.place(FIRST[:-1] + "a")
    version = bench.store.stage(FIRST, bench.credential(1), onto=empty)
    bench.store.promote(version, expecting=empty)
    bench.store.unlabel(version, PENDING, under=PermissionSet.PROMOTE)
    return version


def _staged(bench: StoreBench) -> tuple[str, str]:
    """Credential 1 is current, 2 is pending."""
    old = _current(bench)
    return old, bench.store.stage(SECOND, bench.credential(2), onto=old)


def _do(bench: StoreBench, operation: str, old: str, new: str) -> None:
    store = bench.store
    match operation:
        case "state":
            store.state()
        case "stage":
            store.stage(THIRD, bench.credential(3), onto=old)
        case "read":
            store.read(new, under=UNDER)
        case "promote":
            store.promote(new, expecting=old)
        case "unlabel":
            store.unlabel(new, PENDING, under=PermissionSet.PROMOTE)
        case "mark_compromised":
            store.mark_compromised(old)
        case _:
            store.claim(bench.installation)
