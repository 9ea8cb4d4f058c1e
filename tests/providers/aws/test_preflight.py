"""How often IAM is asked, and that its answer is read for each resource."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.options import ConnectionOptions
from providers.aws.preflight import MOST, check
from providers.aws.testing import StrictControl
from rotation.interfaces import Scope
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet
from tests.support.aws import INSTALLATION
from tests.support.aws_policies import parts, scope

EVERY = tuple(PermissionSet)
KEY = f"arn:aws:kms:eu-central-1:123456789012:key/mrk-{'1' * 32}"


@pytest.fixture
def with_roles(
    control: StrictControl, options: ConnectionOptions, fresh_name: str
) -> Iterator[AwsConnection]:
    """A role for every set; the one that looks exists."""
    role = control.client("iam").create_role(RoleName=fresh_name, AssumeRolePolicyDocument="{}")
    roles = {str(under): f"{role['Role']['Arn']}-{under}" for under in PermissionSet}
    roles["observe"] = role["Role"]["Arn"]
    connection = AwsConnection(
        replace(options, roles=roles), installation=INSTALLATION, clock=SystemClock()
    )
    yield connection
    connection.close()


Fleet = Callable[..., Scope]


@pytest.fixture
def fleet(control: StrictControl, with_roles: AwsConnection, fresh_name: str) -> Fleet:
    """So many secrets that exist."""

    def make(count: int, key: str | None = None, replicas: tuple[str, ...] = ()) -> Scope:
        names = [f"{fresh_name}-{count}-{n}" for n in range(count)]
        tags = {"rotation:application": "billing", "rotation:environment": "production"}
        for name in names:
            control.client("secretsmanager").create_secret(
                Name=f"prod/{name}",
                Tags=[{"Key": tag, "Value": value} for tag, value in tags.items()],
                **({"KmsKeyId": key} if key else {}),
            )
        made = scope(*(parts(name, replicas=replicas) for name in names))
        return replace(made, options=with_roles.options)

    return make


def asked(control: StrictControl, given: Scope, connection: AwsConnection) -> int:
    since = control.oracle.called()
    assert list(check(given, connection, EVERY)) == []
    return len(control.oracle.calls("iam:SimulatePrincipalPolicy", since))


def test_a_fleet_costs_as_many_questions_as_a_few(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet
) -> None:
    costs = [asked(control, fleet(count), with_roles) for count in (2, MOST, MOST + 1)]
    assert costs == [18, 18, 36]


def test_a_key_is_asked_for_each_secret_that_it_encrypts(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet
) -> None:
    """It is the secret that the policy names, in what the call brings along."""
    costs = [asked(control, fleet(count, KEY), with_roles) for count in (1, 3)]
    assert costs == [18 + 4, 18 + 3 * 4]


def test_an_answer_is_read_for_each_resource(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet
) -> None:
    given = fleet(3)
    one = given.parts[2].options.user
    role = with_roles.options.roles["revoke"]
    control.gate.deny("iam:DeleteAccessKey", role, f"*/{one}")
    [missing] = check(given, with_roles, EVERY)
    assert (missing.under, missing.secret) == ("revoke", one)
    assert missing.call == "iam:DeleteAccessKey"
    assert missing.on.endswith(f":user/rotated/{one}")


@pytest.mark.parametrize("written", [KEY, KEY.rpartition("/")[2]])
def test_a_key_that_a_role_may_not_use_is_named_however_it_was_given(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet, written: str
) -> None:
    given = fleet(1, written)
    control.gate.deny("kms:*", with_roles.options.roles["verify"], KEY)
    [missing] = check(given, with_roles, EVERY)
    assert (missing.under, missing.call, missing.on) == ("verify", "kms:Decrypt", KEY)


def test_a_copy_is_asked_for_with_the_key_of_its_region(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet
) -> None:
    given = fleet(1, KEY, replicas=("eu-west-1",))
    there = KEY.replace("eu-central-1", "eu-west-1").replace("1" * 32, "2" * 32)
    control.client("secretsmanager").replicate_secret_to_regions(
        SecretId=given.parts[1].options.name,
        AddReplicaRegions=[{"Region": "eu-west-1", "KmsKeyId": there}],
    )
    control.gate.deny("kms:*", "*", there)
    [missing] = check(given, with_roles, EVERY)
    assert (missing.under, missing.call, missing.on) == ("verify", "kms:Decrypt", there)


def test_only_the_sets_that_were_asked_for(
    control: StrictControl, with_roles: AwsConnection, fleet: Fleet
) -> None:
    given = fleet(1)
    control.gate.deny("iam:*", with_roles.options.roles["mint"])
    assert list(check(given, with_roles, (PermissionSet.OBSERVE, PermissionSet.CONTAIN))) == []
    assert {each.under for each in check(given, with_roles, EVERY)} == {"mint"}
