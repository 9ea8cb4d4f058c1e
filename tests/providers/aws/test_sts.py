from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions, StsOptions
from providers.aws.sts import StsProbe
from providers.aws.testing import StrictControl
from rotation.errors import Denied, NeedsPerson, Permanent, Transient
from rotation.interfaces import Issuer, PluginContext, Probe
from rotation.testing import CallFault
from rotation.testing.probe import ProbeConformance
from rotation.types import Fields, SecretValue, Verdict

CALL = "sts:GetCallerIdentity"


@dataclass
class Bench:
    probe: Probe
    issuer: Issuer
    control: StrictControl
    inject_fault: Callable[[str, CallFault], AbstractContextManager[None]]

    def good(self) -> Fields:
        return self.issuer.issue("1" * 32).fields

    def dead(self) -> Fields:
        new = self.issuer.issue("2" * 32)
        self.issuer.destroy(new.handle.id)
        return new.fields

    def traces(self) -> int:
        return len(self.control.oracle.calls("sts:AssumeRole"))

    def trouble(self, kind: CallFault) -> AbstractContextManager[None]:
        return self.inject_fault(CALL, kind)


@pytest.fixture
def bench(control, inject_fault, context, fresh_name) -> Bench:
    control.client("iam").create_user(UserName=fresh_name)
    issuer = AccessKeyIssuer(AccessKeyOptions(connection="main", user=fresh_name), context)
    issuer.listing()  # proves the account, so that trouble meets the probe
    return Bench(StsProbe(StsOptions(connection="main"), context), issuer, control, inject_fault)


class TestConformance(ProbeConformance):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def test_a_suspended_key_is_refused(bench: Bench):
    new = bench.issuer.issue("1" * 32)
    bench.issuer.suspend(new.handle.id)
    assert bench.probe.login(new.fields) is Verdict.REFUSED


def test_a_key_that_has_not_arrived_is_refused_until_it_has(bench: Bench):
    bench.control.conditions.propagation(60)
    fields = bench.good()
    assert bench.probe.login(fields) is Verdict.REFUSED
    bench.control.clock.advance(61)
    assert bench.probe.login(fields) is Verdict.ACCEPTED


@pytest.mark.parametrize("seconds", [900, -900])
def test_a_wrong_clock_is_no_verdict(bench: Bench, seconds: int):
    """Otherwise a runner with a wrong clock would believe that every key is dead."""
    fields = bench.good()
    bench.control.clock.skew(seconds)
    with pytest.raises(Transient) as caught:
        bench.probe.login(fields)
    assert caught.value.code == "aws.clock-skew"


def test_an_unknown_refusal_is_no_verdict(bench: Bench):
    fields = bench.good()
    bench.control.faults.before(CALL, "RegionDisabledException", status=403)
    with pytest.raises(Permanent):
        bench.probe.login(fields)


def test_a_denial_is_no_verdict(bench: Bench):
    fields = bench.good()
    bench.control.faults.before(CALL, "AccessDenied", status=403)
    with pytest.raises(Denied):
        bench.probe.login(fields)


def test_a_credential_of_another_account_needs_a_person(
    bench: Bench, context: PluginContext, connection: AwsConnection
):
    fields = bench.good()
    connection.options = replace(connection.options, account="999999999999")
    with pytest.raises(NeedsPerson) as caught:
        StsProbe(StsOptions(connection="main"), context).login(fields)
    assert caught.value.code == "probe.wrong-account"
    assert "123456789012" in caught.value.message


def test_a_probe_without_its_fields_says_so(bench: Bench):
    with pytest.raises(Permanent) as caught:
        bench.probe.login(Fields(secret={"secret_access_key": SecretValue("not-a-real-one")}))
    assert caught.value.code == "probe.missing-field"


def test_the_wrong_secret_differs_whatever_the_right_one_ends_in(bench: Bench):
    """AWS would accept an equal one: the control would be no control."""
    sent: list[str] = []
    bench.probe._verdict = lambda _key_id, secret: sent.append(secret)
    for secret in ("....A", "....B", "....x"):
        bench.probe.wrong(
            Fields(
                public={"access_key_id": "AKIAEXAMPLE"},
                secret={"secret_access_key": SecretValue(secret)},
            )
        )
    assert [wrong[-1] for wrong in sent] == ["B", "A", "A"]
