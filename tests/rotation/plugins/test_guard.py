"""The guard around every adapter: what is refused before it reaches a provider, and what a row asked
for, where a plain no leaves no doubt."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotation.errors import Denied, StaleEpoch
from rotation.execution import runner
from rotation.execution.effects import Context
from rotation.execution.effects.neighbours import stale_in
from rotation.execution.runner import LEASE
from rotation.interfaces import Adapters, DelegatedIssuer, KeepsOthers, NamesLogins, Probe, Store
from rotation.journal.record import Record
from rotation.machine.decide import Wait
from rotation.plugins.guard import READS, Guard, Stopped
from rotation.types import PermissionSet
from tests.support import stories
from tests.support.crash import STREAM

ADAPTERS: tuple[Any, ...] = (DelegatedIssuer, Store, KeepsOthers, Probe, NamesLogins)


class Adapter:
    traits = SimpleNamespace(overlap=True)

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., str]:
        def call(*args: object, **kwargs: object) -> str:
            self.calls.append(name)
            return name

        return call

    def suspend(self, *, unchanged: bool) -> None:
        denied = Denied("denied", "no")
        denied.unchanged = unchanged
        raise denied

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> list[str]:
        return ["url"]


def bound(adapter: Adapter) -> Adapters:
    each = cast("Any", adapter)
    return Adapters(issuer=each, store=each, probe=each, consumers={"reader": each})


def guarded(guard: Guard | None = None) -> tuple[Adapter, Guard, Any]:
    adapter, guard = Adapter(), guard or Guard(stopping=lambda: False)
    return adapter, guard, guard.wrap(bound(adapter))


CALLS: dict[str, Callable[[Any], object]] = {
    "destroy": lambda bound: bound.issuer.destroy("handle"),
    "promote": lambda bound: bound.store.promote("v2", expecting="v1"),
    "state": lambda bound: bound.store.state(),
    "login": lambda bound: bound.probe.login({}),
    "deliver": lambda bound: next(iter(bound.consumers.values())).deliver("v2", {}),
}
"""Of each kind of adapter."""


# ------------------------------------------------------------------------ told to stop, taken over


@pytest.mark.parametrize("call", CALLS)
def test_no_call_begins_once_told_to_stop(call: str) -> None:
    adapter, _, bound = guarded(Guard(stopping=lambda: True))
    with pytest.raises(Stopped):
        CALLS[call](bound)
    assert adapter.calls == []


def test_told_to_stop_what_was_minted_is_still_staged() -> None:
    adapter, _, bound = guarded(Guard(stopping=lambda: True))
    assert bound.store.stage("attempt", None, onto=None) == "stage"
    assert adapter.calls == ["stage"]


def test_what_is_staged_passes_the_fence_as_well() -> None:
    def gone() -> None:
        raise StaleEpoch("stale", "another runner")

    adapter, _, bound = guarded(Guard(stopping=lambda: True, fence=gone))
    with pytest.raises(StaleEpoch):
        bound.store.stage("attempt", None, onto=None)
    assert adapter.calls == []


def test_a_secret_that_nothing_logs_in_with_has_no_probe() -> None:
    without = replace(bound(Adapter()), probe=None)
    assert Guard(stopping=lambda: False).wrap(without).probe is None


def test_what_an_adapter_can_do_beside_its_kind_is_seen_behind_the_guard() -> None:
    _, _, bound = guarded()
    spec = cast("Any", SimpleNamespace(keep_foreign=True, accept_stale=()))
    assert stale_in(bound.store, spec, "v1", "k1") == ["url"]


def frozen_at_its_first_effect(
    monkeypatch: pytest.MonkeyPatch, then: Callable[[Context, list[str]], object]
) -> list[str]:
    """A runner is frozen as its first effect begins, and another one has the lease when it wakes
    up. The boundaries that were crossed afterwards."""
    story = stories.seeded()
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    names = story.boundaries.names

    def effect(cx: Context) -> Record:
        story.world.advance(story.world.now + LEASE)
        assert story.journal.claim(STREAM, "another", story.world.now, LEASE, dead=lambda _: True)
        names.clear()
        then(cx, names)
        return Record()

    for name in ("effect_for", "look_for"):
        monkeypatch.setattr(runner, name, lambda rules, step: effect)
    assert story.runner().advance(STREAM) == Wait(None, "another runner took over")
    return names


@pytest.mark.parametrize("call", CALLS)
def test_who_was_frozen_and_taken_over_reaches_no_provider(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    names = frozen_at_its_first_effect(monkeypatch, lambda cx, _: CALLS[call](cx.bound))
    assert set(names) <= {"before journal.append"}, names


def test_to_name_an_adapter_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(cx: Context, names: list[str]) -> None:
        consumer = cx.bound.consumers.values()
        assert all((cx.issuer, cx.store, cx.probe, cx.traits, cx.issuer.traits, *consumer))
        assert names == []

    frozen_at_its_first_effect(monkeypatch, read)


# --------------------------------------------------------------------------- what was asked for


def test_each_read_is_one_of_an_adapter() -> None:
    assert {name for name in READS if any(hasattr(each, name) for each in ADAPTERS)} == READS


def test_what_is_read_asks_for_no_change() -> None:
    _, guard, bound = guarded()
    reply = (bound.issuer.traits.overlap, bound.issuer.listing(), bound.probe.login({}))
    assert (*reply, guard.asked) == (True, "listing", "login", False)


def test_what_nobody_said_to_be_a_read_may_have_changed_the_world() -> None:
    _, guard, bound = guarded()
    assert (bound.issuer.added_later(), guard.asked) == ("added_later", True)


@pytest.mark.parametrize("unchanged", [True, False])
def test_a_plain_no_to_the_only_change_leaves_no_doubt(*, unchanged: bool) -> None:
    _, guard, bound = guarded()
    with pytest.raises(Denied):
        bound.issuer.suspend(unchanged=unchanged)
    assert guard.asked is not unchanged


def test_what_was_refused_at_the_guard_was_not_asked_for() -> None:
    _, guard, bound = guarded(Guard(stopping=lambda: True))
    with pytest.raises(Stopped):
        bound.issuer.destroy("handle")
    assert not guard.asked
