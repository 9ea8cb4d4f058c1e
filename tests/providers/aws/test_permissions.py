"""The grants are exactly the calls: strict AWS recorded them, and the sets say who made them."""

from collections import defaultdict

import pytest

from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from providers.aws.permissions import GRANTS, Grant
from providers.aws.secrets_manager import SecretsManagerStore
from providers.aws.testing import StrictControl
from rotation.errors import Conflict
from rotation.interfaces import PluginContext
from rotation.types import COMPROMISED, CURRENT, PENDING, PREVIOUS, PermissionSet

CONTAIN, PROMOTE = PermissionSet.CONTAIN, PermissionSet.PROMOTE


@pytest.fixture
def since(control: StrictControl, fresh_name: str) -> int:
    control.client("iam").create_user(UserName=fresh_name)
    control.client("secretsmanager").create_secret(Name=fresh_name)
    return control.oracle.called()


def use_everything(context: PluginContext, name: str) -> None:
    issuer = AccessKeyIssuer(AccessKeyOptions(connection="main", user=name), context)
    store = SecretsManagerStore(SecretsManagerOptions(connection="main", name=name), context)
    empty = store.place("0" * 32)
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    first = store.stage("1" * 32, old, onto=empty)
    store.promote(first, expecting=empty)
    second = store.stage("2" * 32, new, onto=first)
    store.read(second, under=PermissionSet.VERIFY)
    store.promote(second, expecting=first)
    for under in (PermissionSet.VERIFY, PermissionSet.DELIVER):
        store.read(second, under=under)
    store.read(first, under=PermissionSet.PROVE)
    with pytest.raises(Conflict):
        store.promote(first, expecting=empty)
    for label in (PENDING, PREVIOUS):
        store.unlabel({PENDING: second, PREVIOUS: first}[label], label, under=PROMOTE)
    for version in (first, second):
        store.mark_compromised(version)
    store.unlabel(second, COMPROMISED, under=CONTAIN)
    store.claim(context.installation)
    issuer.listing()
    issuer.usage(new.handle.id)
    issuer.suspend(old.handle.id)
    issuer.resume(old.handle.id)
    issuer.suspend(old.handle.id, under=CONTAIN)
    issuer.destroy(old.handle.id)


def recorded(control: StrictControl, since: int) -> dict[str, dict[str, set[str]]]:
    """Permission set -> action -> the labels that its calls named."""
    made: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for call in control.oracle.calls("*", since):
        action = f"{call['service']}:{call['operation']}"
        if call["service"] != "sts":
            labels = made[call["user_agent"].split()[-1]][action]
            labels |= {call["parameters"].get("VersionStage")} - {None}
    return made


def granted() -> dict[str, dict[str, Grant]]:
    sets: dict[str, dict[str, Grant]] = defaultdict(dict)
    for plugin in GRANTS.values():
        for name, grants in plugin.items():
            sets[name] |= {grant.action: grant for grant in grants}
    return sets


def test_the_grants_are_exactly_the_calls(
    context: PluginContext, control: StrictControl, since: int, fresh_name: str
):
    use_everything(context, fresh_name)
    calls = recorded(control, since)
    grants = {
        name: {action for action in actions if not action.startswith("kms:")}
        for name, actions in granted().items()
    }
    assert {name: set(actions) for name, actions in calls.items()} == grants


def test_the_labels_are_exactly_those_that_the_calls_name(
    context: PluginContext, control: StrictControl, since: int, fresh_name: str
):
    use_everything(context, fresh_name)
    for name, actions in recorded(control, since).items():
        for action, labels in actions.items():
            allowed = granted()[name][action].labels
            if allowed:
                assert labels == set(allowed), (name, action)


def test_no_set_both_reads_and_destroys():
    for name, actions in granted().items():
        reads = "secretsmanager:GetSecretValue" in actions
        assert not (reads and "iam:DeleteAccessKey" in actions), name


def test_nothing_is_granted_by_wildcard():
    for actions in granted().values():
        for grant in actions.values():
            assert "*" not in grant.action
            assert not any("*" in label for label in grant.labels)


def test_a_value_is_read_with_its_customer_managed_key():
    for actions in granted().values():
        if "secretsmanager:GetSecretValue" in actions:
            assert actions["kms:Decrypt"].when == "customer-key"


def test_the_labels_that_are_granted_are_those_that_exist():
    known = {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "ROTATION_COMPROMISED"}
    assert {CURRENT, PENDING, PREVIOUS, COMPROMISED} == {
        label.removeprefix("AWS").removeprefix("ROTATION_").lower() for label in known
    }
    for actions in granted().values():
        assert {label for grant in actions.values() for label in grant.labels} <= known
