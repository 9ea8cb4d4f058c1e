"""What a session of a role is worth: its part for one user or one secret, even in other hands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import GRANTS
from providers.aws.secrets_manager import SecretsManagerStore
from providers.aws.sessions import TEXT_MAX, session_policy
from providers.aws.testing import Credential as Key
from providers.aws.testing import StrictControl
from providers.aws.testing.session_policy import read
from rotation.errors import Denied, NeedsPerson
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet

ACCOUNT = "123456789012"
INSTALLATION = "0123456789ab"
USER = AccessKeyOptions(connection="main", user="app", path="/rotated/")
SECRET = SecretsManagerOptions(connection="main", name="prod/app", replicas=("eu-west-1",))
MINT, VERIFY, OBSERVE = PermissionSet.MINT, PermissionSet.VERIFY, PermissionSet.OBSERVE


@pytest.fixture
def under_roles(control: StrictControl, options: ConnectionOptions) -> Iterator[Any]:
    """Opens a connection whose sets have a role each, which may do everything."""
    iam = control.client("iam")
    for under in PermissionSet:
        name = f"narrow-{under}"
        if name not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")

    @contextmanager
    def open_(**more: Any) -> Iterator[AwsConnection]:
        roles = {
            str(under): f"arn:aws:iam::{ACCOUNT}:role/narrow-{under}" for under in PermissionSet
        }
        given = replace(options, roles=roles, **more)
        connection = AwsConnection(given, installation=INSTALLATION, clock=SystemClock())
        yield connection
        connection.close()

    return open_


@pytest.fixture
def pairs(control: StrictControl, fresh_name: str) -> list[str]:
    """Two users, and a secret for each."""
    names = [fresh_name, f"{fresh_name}-other"]
    for name in names:
        control.client("iam").create_user(UserName=name)
        control.client("secretsmanager").create_secret(
            Name=name, SecretString='{"id": "AKIAEXAMPLE", "secret": "EXAMPLE"}'
        )
    return names


def stores(connection: AwsConnection, names: list[str]) -> list[SecretsManagerStore]:
    context = PluginContext(
        installation=INSTALLATION,
        clock=SystemClock(),
        connections={"main": connection},
        fields={"access_key_id": "id", "secret_access_key": "secret"},
        public=frozenset({"access_key_id"}),
    )
    return [
        SecretsManagerStore(SecretsManagerOptions(connection="main", name=name), context)
        for name in names
    ]


def issuers(connection: AwsConnection, names: list[str]) -> list[AccessKeyIssuer]:
    context = PluginContext(
        installation=INSTALLATION, clock=SystemClock(), connections={"main": connection}
    )
    return [AccessKeyIssuer(AccessKeyOptions(connection="main", user=n), context) for n in names]


def leaked(connection: AwsConnection, role: str, one: Any) -> Key:
    """What somebody has who reads the runner's memory."""
    sessions = connection._credentials[role]._fetch.__closure__
    [live] = [c.cell_contents for c in sessions or () if hasattr(c.cell_contents, "_live")]
    credentials, _ = live._live[one]._session
    return Key(credentials.access_key, credentials.secret_key, credentials.token)


def test_a_leaked_session_of_mint_makes_keys_of_one_user(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    with under_roles() as connection:
        issuers(connection, pairs)[0].issue("attempt")
        stolen = leaked(connection, "mint", AccessKeyOptions(connection="main", user=pairs[0]))
    thief = control.client("iam", stolen)
    thief.create_access_key(UserName=pairs[0])
    refused(lambda: thief.create_access_key(UserName=pairs[1]))
    refused(lambda: thief.delete_user(UserName=pairs[0]))
    store = control.client("secretsmanager", stolen)
    refused(lambda: store.put_secret_value(SecretId=pairs[0], SecretString="planted"))


def test_a_leaked_session_of_verify_reads_one_secret(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    with under_roles() as connection:
        [mine, _] = stores(connection, pairs)
        current = mine.state().current or ""
        mine.read(current, under=VERIFY)
        stolen = leaked(
            connection, "verify", SecretsManagerOptions(connection="main", name=pairs[0])
        )
    thief = control.client("secretsmanager", stolen)
    thief.get_secret_value(SecretId=pairs[0])
    refused(lambda: thief.get_secret_value(SecretId=pairs[1]))
    refused(lambda: thief.put_secret_value(SecretId=pairs[0], SecretString="planted"))


def refused(call: Any) -> None:
    with pytest.raises(Exception, match="AccessDenied"):
        call()


def assumed(control: StrictControl, since: int) -> list[tuple[str, str]]:
    calls = [call["parameters"] for call in control.oracle.calls("sts:AssumeRole", since)]
    return [(each["RoleArn"].rpartition("-")[2], each.get("Policy", "")) for each in calls]


def test_a_session_is_taken_once_for_each_set_and_secret_and_for_looks_once_for_all(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    since = control.oracle.called()
    with under_roles() as connection:
        for _ in range(2):
            for store in stores(connection, pairs):
                store.read(store.state().current or "", under=VERIFY)
    taken = assumed(control, since)
    assert [under for under, _ in taken] == ["observe", "verify", "verify"]
    assert [pair in text for (_, text), pair in zip(taken[1:], pairs, strict=True)] == [True] * 2
    assert taken[0][1] == ""


def test_shared_sessions_are_a_choice(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    since = control.oracle.called()
    with under_roles(sessions="shared") as connection:
        for issuer in issuers(connection, pairs):
            issuer.issue("attempt")
    assert assumed(control, since) == [("mint", "")]


def test_any_other_choice_is_refused(options: ConnectionOptions) -> None:
    with pytest.raises(ValueError, match="`narrow` or `shared`"):
        replace(options, sessions="wide")


def test_a_policy_that_sts_finds_too_large_names_the_way_out(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    control.faults.before("sts:AssumeRole", "PackedPolicyTooLarge", status=400)
    with under_roles() as connection, pytest.raises(NeedsPerson) as caught:
        issuers(connection, pairs)[0].issue("attempt")
    assert caught.value.code == "aws.session-policy"
    assert "sessions: shared" in caught.value.hint


def test_a_session_gives_nothing_that_its_role_has_not(
    under_roles: Any, control: StrictControl, pairs: list[str]
) -> None:
    control.gate.deny("iam:CreateAccessKey", "*assumed-role/narrow-mint/*")
    with under_roles() as connection, pytest.raises(Denied):
        issuers(connection, pairs)[0].issue("attempt")


# ------------------------------------------------------------------------------- the documents


def arns(of: ConnectionOptions) -> dict[str, str]:
    return {
        "user": f"arn:aws:iam::{ACCOUNT}:user/rotated/app",
        "secret": f"arn:aws:secretsmanager:{of.region}:{ACCOUNT}:secret:prod/app-AbCdEf",
        "key": f"arn:aws:kms:{of.region}:{ACCOUNT}:key/mrk-1",
    }


PARTS = {"aws-iam-access-key": USER, "aws-secrets-manager": SECRET}
EVERY = [(t, u, g) for t, sets in GRANTS.items() for u, gs in sets.items() for g in gs]


@pytest.mark.parametrize(("kind", "under", "grant"), EVERY)
def test_every_grant_is_in_the_session_and_for_nothing_else(
    options: ConnectionOptions, kind: str, under: PermissionSet, grant: Any
) -> None:
    policy = read(session_policy(options, PARTS[kind], under))
    on = arns(options)[grant.resource]
    through = {"kms:ViaService": f"secretsmanager.{options.region}.amazonaws.com"}
    assert policy.allows(grant.action, on, through)
    if grant.resource == "key":
        assert not policy.allows(grant.action, on, {})
    else:
        assert not policy.allows(grant.action, on.replace("app", "pay"), through)
        assert not policy.allows(grant.action, on.replace("app", "app-other"), through)
        assert not policy.allows(grant.action, on.replace(ACCOUNT, "111122223333"), through)
    if grant.replicas and grant.resource == "secret":
        assert policy.allows(grant.action, on.replace(options.region, "eu-west-1"), through)


def test_the_longest_names_fit_into_what_sts_takes(options: ConnectionOptions) -> None:
    longest = [
        AccessKeyOptions(connection="main", user="u" * 64, path="/" + "p" * 510 + "/"),
        SecretsManagerOptions(
            connection="main", name="s" * 512, replicas=tuple(f"eu-north-{n}" for n in range(30))
        ),
    ]
    sizes = [
        len(session_policy(replace(options, region="us-gov-west-1"), one, under))
        for one, under in product(longest, PermissionSet)
    ]
    assert max(sizes) < TEXT_MAX / 2


def test_the_sets_of_a_session_are_those_of_the_roles(options: ConnectionOptions) -> None:
    for (kind, one), under in product(PARTS.items(), PermissionSet):
        content = json.loads(session_policy(options, one, under))["Statement"]
        actions = {
            action
            for each in content
            for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        }
        assert actions == {grant.action for grant in GRANTS[kind].get(under, ())}
