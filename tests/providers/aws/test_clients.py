import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.aws import clients
from providers.aws.clients import AwsConnection
from providers.aws.options import ConnectionOptions
from providers.aws.testing import ADMIN, StrictControl
from rotation.errors import Denied, NeedsPerson, RotationError, Transient, UsageError
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet

INSTALLATION = "0123456789ab"
OBSERVE, MINT = PermissionSet.OBSERVE, PermissionSet.MINT
TRUST = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}"""


class ClockByHand:
    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed


@pytest.fixture
def clock() -> ClockByHand:
    return ClockByHand()


@pytest.fixture
def connect(options: ConnectionOptions, clock: ClockByHand) -> Iterator:
    made: list[AwsConnection] = []

    def connect(**change: object) -> AwsConnection:
        connection = AwsConnection(
            replace(options, **change), installation=INSTALLATION, clock=clock
        )
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def since(control: StrictControl) -> int:
    return control.oracle.called()


@pytest.fixture
def role(control: StrictControl, fresh_name: str) -> str:
    iam = control.client("iam")
    return iam.create_role(RoleName=fresh_name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


def calls(control: StrictControl, since: int) -> list[str]:
    return [f"{call['service']}:{call['operation']}" for call in control.oracle.calls("*", since)]


def look(connection: AwsConnection, under: PermissionSet = OBSERVE) -> None:
    connection.iam(under).list_access_keys(UserName=ADMIN_USER)


ADMIN_USER = "administrator"


def test_the_account_is_asked_once_before_the_first_call(connect, control, since):
    connection = connect()
    look(connection)
    look(connection, MINT)
    look(connection)
    assert calls(control, since) == ["sts:GetCallerIdentity"] + ["iam:ListAccessKeys"] * 3


def test_the_wrong_account_gets_no_call_at_all(connect, control, since):
    connection = connect(account="999999999999")
    for _ in range(2):
        with pytest.raises(NeedsPerson) as caught:
            look(connection)
        assert caught.value.code == "aws.wrong-account"
        assert "999999999999" in caught.value.message
        assert "123456789012" in caught.value.message
    assert set(calls(control, since)) == {"sts:GetCallerIdentity"}


def test_many_threads_share_one_check_and_one_client(connect, control, since):
    connection = connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: look(connection), range(32)))
    assert calls(control, since).count("sts:GetCallerIdentity") == 1
    assert connection.iam(OBSERVE) is connection.iam(OBSERVE)


def test_every_call_says_who_makes_it_for_what(connect, control, since):
    connection = connect()
    look(connection)
    look(connection, MINT)
    agents = [call["user_agent"] for call in control.oracle.calls("iam:*", since)]
    assert [agent.split()[-1] for agent in agents] == ["observe", "mint"]
    assert all(agent.startswith("rotation/") for agent in agents)


def test_a_set_with_a_role_acts_under_it_and_the_others_do_not(connect, control, since, role):
    connection = connect(roles={"observe": role})
    look(connection)
    look(connection, MINT)
    names = [call["principal"] for call in control.oracle.calls("iam:ListAccessKeys", since)]
    session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    assert names == [
        f"{session}/rotation.observe.{INSTALLATION}",
        "arn:aws:iam::123456789012:user/administrator",
    ]


def test_a_role_is_assumed_once_and_renewed_before_it_ends(
    connect, control, since, role, clock: ClockByHand
):
    connection = connect(roles={"observe": role}, external_id="ours")
    look(connection)
    look(connection)
    assumed = control.oracle.calls("sts:AssumeRole", since)
    assert [call["parameters"]["DurationSeconds"] for call in assumed] == ["900"]
    assert [call["parameters"]["ExternalId"] for call in assumed] == ["ours"]
    clock.passed = timedelta(minutes=12, seconds=1)
    look(connection)
    assert calls(control, since).count("sts:AssumeRole") == 2
    assert "sts:GetCallerIdentity" not in calls(control, since), "a role's name says its account"


def test_a_role_that_may_not_be_assumed_is_named(connect, control, role):
    control.gate.deny("sts:AssumeRole")
    with pytest.raises(Denied) as caught:
        look(connect(roles={"observe": role}))
    assert caught.value.facts["action"] == "sts:AssumeRole"
    assert caught.value.facts["resource"] == role


def test_credentials_that_are_not_there_are_our_own_error(connect, tmp_path: Path):
    connection = connect(credentials_file=str(tmp_path / "nothing"))
    with pytest.raises(Denied) as caught, clients.translated("x", of="x", repeatable=True):
        look(connection)
    assert caught.value.code == "aws.credentials"
    assert "AWS_PROFILE is not read" in caught.value.hint


def test_whose_login_it_is_without_any_is_our_own_error(connect, tmp_path: Path):
    """A stray error of the SDK would be called a bug in which something may have happened."""
    with pytest.raises(Denied) as caught:
        connect(credentials_file=str(tmp_path / "nothing")).own_credential()
    assert caught.value.code == "aws.credentials"


def test_credentials_that_others_may_change_are_not_used(connect, tmp_path: Path):
    path = tmp_path / "anybodys"
    path.write_text("[default]\naws_access_key_id=AKIAANYBODYSEXAMPLE\naws_secret_access_key=x\n")
    path.chmod(0o666)
    with pytest.raises(Denied) as caught:
        look(connect(credentials_file=str(path)))
    assert caught.value.code == "aws.credentials-file"


def test_dead_credentials_of_ours_are_said_to_be_ours(connect, tmp_path: Path):
    path = tmp_path / "dead"
    path.write_text("[default]\naws_access_key_id=AKIADEADEXAMPLE\naws_secret_access_key=x\n")
    with pytest.raises(Denied) as caught:
        look(connect(credentials_file=str(path)))
    assert caught.value.code == "aws.credentials"


def test_the_profile_of_the_connection_is_used_and_no_other(
    connect, control, since, tmp_path: Path, monkeypatch
):
    path = tmp_path / "profiles"
    path.write_text(
        "[default]\naws_access_key_id=AKIADEADEXAMPLE\naws_secret_access_key=x\n"
        f"[runner]\naws_access_key_id={ADMIN.access_key_id}\n"
        f"aws_secret_access_key={ADMIN.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "default")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENTEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    look(connect(credentials_file=str(path), profile="runner"))
    assert {call["access_key_id"] for call in control.oracle.calls("*", since)} == {
        ADMIN.access_key_id
    }


def test_a_profile_of_the_environment_is_not_passed_over_silently(
    connect, control, since, monkeypatch
):
    monkeypatch.setenv("AWS_PROFILE", "deploy")
    with pytest.raises(Denied) as caught:
        look(connect(credentials_file=None))
    assert caught.value.code == "aws.profile"
    assert "deploy" not in caught.value.message
    assert control.oracle.calls("*", since) == []
    monkeypatch.setenv("AWS_PROFILE", "default")
    look(connect())


def test_a_proxy_of_the_environment_is_not_used(connect, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    look(connect())


@pytest.mark.parametrize(
    "name",
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "SSLKEYLOGFILE", "NETRC"],
)
def test_an_environment_that_redirects_or_records_is_refused_by_name(
    options: ConnectionOptions, monkeypatch, name: str
):
    monkeypatch.setenv(name, "canary")
    with pytest.raises(UsageError) as caught:
        AwsConnection(
            replace(options, endpoint=None), installation=INSTALLATION, clock=SystemClock()
        )
    assert name in caught.value.message
    assert "canary" not in caught.value.message


def test_without_an_endpoint_calls_go_to_aws_over_tls(options: ConnectionOptions):
    connection = AwsConnection(
        replace(options, endpoint=None), installation=INSTALLATION, clock=SystemClock()
    )
    with closing(connection):
        urls = {
            connection.iam(OBSERVE).meta.endpoint_url,
            connection.secrets_manager(OBSERVE).meta.endpoint_url,
            connection.secrets_manager(OBSERVE, region="eu-west-1").meta.endpoint_url,
            connection.caller_identity._url,
        }
    assert urls == {
        "https://iam.amazonaws.com",
        "https://secretsmanager.eu-central-1.amazonaws.com",
        "https://secretsmanager.eu-west-1.amazonaws.com",
        "https://sts.eu-central-1.amazonaws.com",
    }


def test_a_configured_endpoint_of_the_user_s_files_is_ignored(
    options: ConnectionOptions, tmp_path: Path
):
    path = tmp_path / "endpoints"
    path.write_text(
        f"[default]\naws_access_key_id={ADMIN.access_key_id}\n"
        f"aws_secret_access_key={ADMIN.secret_access_key}\nendpoint_url=http://127.0.0.1:9\n"
    )
    connection = AwsConnection(
        replace(options, endpoint=None, credentials_file=str(path)),
        installation=INSTALLATION,
        clock=SystemClock(),
    )
    with closing(connection):
        assert connection.iam(OBSERVE).meta.endpoint_url == "https://iam.amazonaws.com"


def test_nobody_listening_is_unreachable(connect):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connection = connect(endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Transient) as caught:
            look(connection)
    assert caught.value.code == "aws.unreachable"


def test_a_call_is_sent_once_and_ends_within_twenty_seconds(connect):
    for client in (connect().iam(MINT), connect().secrets_manager(OBSERVE)):
        config = client.meta.config
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout + config.read_timeout <= 20
        assert config.max_pool_connections >= 32


def test_a_throttled_call_is_not_repeated_by_the_sdk(connect, control, since):
    connection = connect()
    look(connection)
    control.faults.before("iam:ListAccessKeys", "Throttling", status=400, times=1)
    with pytest.raises(RotationError), clients.translated("x", of="x", repeatable=True):
        look(connection)
    assert calls(control, since).count("iam:ListAccessKeys") == 2


@pytest.mark.parametrize("name", ["boto3", "botocore", "urllib3", "botocore.parsers"])
def test_the_sdk_never_logs_requests_or_answers(name: str, caplog):
    """At DEBUG it would log secrets; a caller who turns everything up does not change that."""
    with caplog.at_level(logging.DEBUG):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING
