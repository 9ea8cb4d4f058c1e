"""ProbeConformance: what every probe promises, asked of its service."""

import logging
from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from rotation.errors import RotationError, Transient
from rotation.interfaces import Probe
from rotation.testing import CallFault
from rotation.types import Fields, Verdict, contains_live_value


class ProbeBench(Protocol):
    """The probe under test, and what its service says of it."""

    @property
    def probe(self) -> Probe: ...

    def good(self) -> Fields:
        """A credential that the service accepts."""
        ...

    def dead(self) -> Fields:
        """A credential that the service accepted once and refuses now."""
        ...

    def traces(self) -> int:
        """How many sessions, tokens or the like the service keeps at this moment."""
        ...

    def trouble(self, kind: CallFault) -> AbstractContextManager[None]:
        """Makes the next login fail in this way. Skip what cannot be produced."""
        ...


class ProbeConformance:
    """Inherit and override `bench`."""

    @pytest.fixture
    def bench(self) -> ProbeBench:
        raise NotImplementedError("override the fixture `bench`")

    def test_a_good_credential_is_accepted(self, bench: ProbeBench) -> None:
        verdict = bench.probe.login(bench.good())
        assert verdict is Verdict.ACCEPTED, "`login` refuses what the service accepts"

    def test_a_dead_credential_is_refused(self, bench: ProbeBench) -> None:
        verdict = bench.probe.login(bench.dead())
        assert verdict is Verdict.REFUSED, "`login` accepts what the service refuses"

    def test_a_wrong_secret_is_refused_and_does_no_harm(self, bench: ProbeBench) -> None:
        good = bench.good()
        assert bench.probe.wrong(good) is Verdict.REFUSED, (
            "`wrong` is to log in with a wrong secret"
        )
        verdict = bench.probe.login(good)
        assert verdict is Verdict.ACCEPTED, (
            "after `wrong` the good one is refused: is it locked out?"
        )

    @pytest.mark.parametrize("alive", [True, False])
    @pytest.mark.parametrize(
        "kind", [CallFault.THROTTLED, CallFault.UNREACHABLE, CallFault.BROKEN, CallFault.LOST]
    )
    def test_trouble_is_no_verdict(
        self, bench: ProbeBench, kind: CallFault, *, alive: bool
    ) -> None:
        fields = bench.good() if alive else bench.dead()
        with bench.trouble(kind), pytest.raises(Transient) as caught:
            bench.probe.login(fields)
        assert caught.value.hint, "the error has no hint: what the reader does next"

    def test_a_login_leaves_nothing_behind(self, bench: ProbeBench) -> None:
        good, dead = bench.good(), bench.dead()
        before = bench.traces()
        bench.probe.login(good)
        bench.probe.wrong(good)
        bench.probe.login(dead)
        assert bench.traces() == before, "a login left something at the service"

    def test_nothing_secret_is_told(
        self, bench: ProbeBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        good, dead = bench.good(), bench.dead()
        bench.probe.login(good)
        bench.probe.wrong(good)
        bench.probe.login(dead)
        with bench.trouble(CallFault.BROKEN), pytest.raises(RotationError) as caught:
            bench.probe.login(good)
        told = f"{caught.value} {caught.value.__dict__}"
        assert not contains_live_value(told), "a secret is in the error"
        assert not contains_live_value(caplog.text), "a secret was logged"
