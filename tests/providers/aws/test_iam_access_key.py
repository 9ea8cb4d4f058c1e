import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest
from botocore.awsrequest import AWSResponse

from providers.aws.clients import AwsConnection
from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions
from providers.aws.testing import ADMIN, StrictControl
from providers.aws.testing import Credential as Login
from rotation.errors import Ambiguous, NeedsPerson
from rotation.interfaces import Issuer, PluginContext
from rotation.testing import CallFault
from rotation.testing.issuer import IssuerConformance
from rotation.types import Fields, KeyState

ACTIONS = {
    "listing": "iam:ListAccessKeys",
    "issue": "iam:CreateAccessKey",
    "suspend": "iam:UpdateAccessKey",
    "resume": "iam:UpdateAccessKey",
    "destroy": "iam:DeleteAccessKey",
    "usage": "iam:GetAccessKeyLastUsed",
}
STATES = {"Active": KeyState.ACTIVE, "Inactive": KeyState.SUSPENDED}


@dataclass
class Bench:
    issuer: Issuer
    options: AccessKeyOptions
    control: StrictControl
    user: str
    inject_fault: Callable[[str, CallFault], AbstractContextManager[None]]

    def accepts(self, fields: Fields) -> bool:
        return self.control.oracle.accepts(
            fields.public["access_key_id"], fields.secret["secret_access_key"].reveal()
        )

    def use(self, fields: Fields) -> None:
        login = Login(fields.public["access_key_id"], fields.secret["secret_access_key"].reveal())
        self.control.client("sts", login).get_caller_identity()

    def live(self) -> Mapping[str, KeyState]:
        return {
            key["AccessKeyId"]: STATES[key["Status"]] for key in self.control.oracle.keys(self.user)
        }

    def mints(self) -> int:
        return len(self.control.oracle.mints(self.user))

    def settle(self) -> None:
        """Propagation takes no time here."""

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        return self.inject_fault(ACTIONS[operation], kind)


@pytest.fixture
def bench(control, inject_fault, context, fresh_name) -> Bench:
    control.client("iam").create_user(UserName=fresh_name)
    options = AccessKeyOptions(connection="main", user=fresh_name)
    return Bench(AccessKeyIssuer(options, context), options, control, fresh_name, inject_fault)


class TestConformance(IssuerConformance, traits=AccessKeyOptions.TRAITS):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def test_the_issuer_is_known_by_account_and_user(bench: Bench):
    assert bench.issuer.identity == f"aws-iam/123456789012/{bench.user}"


def test_traits_take_the_report_s_lag_from_the_connection(bench: Bench):
    assert bench.issuer.traits.report_lag.total_seconds() == 14_400


def test_a_listing_is_read_to_its_end(bench: Bench):
    made = {bench.issuer.issue("1" * 32).handle.id, bench.issuer.issue("2" * 32).handle.id}
    bench.control.conditions.page_size(1)
    listing = bench.issuer.listing()
    assert listing.ids == made
    assert listing.server_at is not None


def test_the_age_and_the_server_s_time_are_told(bench: Bench):
    new = bench.issuer.issue("1" * 32)
    listing = bench.issuer.listing()
    created, now = listing.handles[0].created, listing.server_at
    assert new.handle.created == created
    assert created is not None
    assert now is not None
    assert 0 <= (now - created).total_seconds() < 5


def test_the_user_that_we_log_in_as_is_not_rotated(bench: Bench, context: PluginContext, tmp_path):
    """Its old key would be switched off under the calls that are still to be made."""
    iam = bench.control.client("iam")
    key = iam.create_access_key(UserName=bench.user)["AccessKey"]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_user_policy(
        UserName=bench.user, PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )  # fmt: skip
    file = tmp_path / "credentials"
    file.write_text(
        f"[default]\naws_access_key_id={key['AccessKeyId']}\n"
        f"aws_secret_access_key={key['SecretAccessKey']}\n"
    )
    file.chmod(0o600)
    main = context.connections["main"]
    login = replace(main.options, credentials_file=file, profile=None)
    own = AwsConnection(login, installation=context.installation, clock=context.clock)
    issuer = AccessKeyIssuer(bench.options, replace(context, connections={"main": own}))
    assert issuer.listing().ids == {key["AccessKeyId"]}
    with pytest.raises(NeedsPerson) as caught:
        issuer.issue("1" * 32)
    assert caught.value.code == "issuer.own-login"
    assert bench.mints() == 1
    own.close()


def test_a_user_that_is_missing_needs_a_person(context: PluginContext):
    issuer = AccessKeyIssuer(AccessKeyOptions(connection="main", user="nobody"), context)
    for call in (issuer.listing, lambda: issuer.issue("1" * 32)):
        with pytest.raises(NeedsPerson) as caught:
            call()
        assert caught.value.code == "issuer.missing"
        assert caught.value.facts["all_gone"] is True


def test_every_call_names_the_user(bench: Bench):
    """Without a name IAM acts on the caller's own keys."""
    since = bench.control.oracle.called()
    new = bench.issuer.issue("1" * 32)
    bench.issuer.listing()
    bench.issuer.suspend(new.handle.id)
    bench.issuer.resume(new.handle.id)
    bench.issuer.destroy(new.handle.id)
    calls = bench.control.oracle.calls("iam:*", since)
    assert len(calls) == 5
    assert {call["parameters"].get("UserName") for call in calls} == {bench.user}


def test_a_mint_that_hangs_is_in_doubt_and_was_sent_once(bench: Bench, monkeypatch):
    monkeypatch.setattr("providers.aws.wire.CALL_S", 0.3)
    bench.control.faults.hang("iam:CreateAccessKey", applied=True)
    with pytest.raises(Ambiguous) as caught:
        bench.issuer.issue("1" * 32)
    assert caught.value.code == "aws.no-answer"
    assert bench.mints() == 1


def test_a_truncated_answer_is_in_doubt(bench: Bench, monkeypatch):
    bench.issuer.listing()  # proves the account
    monkeypatch.setattr(AWSResponse, "content", b"<CreateAccessKeyResponse><Create")
    with pytest.raises(Ambiguous):
        bench.issuer.issue("1" * 32)


def test_what_a_leaked_key_did_is_asked_of_cloudtrail(bench: Bench, context: PluginContext):
    known = {"main": context.connections["main"].options}
    reply = bench.options.audit_command("AKIAIOSFODNN7EXAMPLE", known)
    assert reply.startswith(
        "aws cloudtrail lookup-events --lookup-attributes "
        "AttributeKey=AccessKeyId,AttributeValue=AKIAIOSFODNN7EXAMPLE --region "
    )


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS command line is not here")
def test_what_a_person_is_told_to_type_switches_the_key_off(bench: Bench, context: PluginContext):
    new = bench.issuer.issue("1" * 32)
    known = {"main": context.connections["main"].options}
    subprocess.run(
        shlex.split(bench.options.by_hand(new.handle.id, known)),
        check=True, timeout=60, capture_output=True,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": ADMIN.access_key_id,
            "AWS_SECRET_ACCESS_KEY": ADMIN.secret_access_key,
        },
    )  # fmt: skip
    assert bench.live() == {new.handle.id: KeyState.SUSPENDED}
