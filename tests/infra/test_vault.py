"""Least privilege in a real Vault, both ways: rotations under the declared login and token roles
alone, every call as Vault's audit log has it; the same calls elsewhere refused; nothing granted
that nobody uses."""

import json
from collections.abc import Iterator

import pulumi
import pytest

from providers.vault.permissions import LOGINS
from providers.vault.preflight import check
from providers.vault.testing.server import Refused
from rotation.operations.preflight import steps_under
from rotation.types import PermissionSet
from tests.infra.vault_calls import (
    ANYBODY,
    OF_NOBODY,
    RULE,
    Call,
    elsewhere,
    general,
    without,
)
from tests.infra.vault_made import SeenVault
from tests.infra.vault_secrets import ISSUERS
from tests.infra.vault_story import Installation, installed, live

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("enforced")) as made:
        live(made)
        yield made


@pytest.fixture(scope="module")
def calls(lived: Installation) -> list[Call]:
    return [call for call in lived.calls() if call.path not in ANYBODY]


def test_another_up_finds_what_it_made_and_changes_nothing(lived: Installation) -> None:
    """With the few rights that a preview needs, and after every rotation."""
    again = {(each.token, each.name): each for each in lived.up(SeenVault(lived.server)).resources}
    assert again == {(each.token, each.name): each for each in lived.stack.resources}


def test_what_somebody_else_made_under_our_names_is_said(lived: Installation) -> None:
    role = "auth/approle/role/billing"
    before = lived.server.api("GET", role)["data"]
    lived.server.api("POST", role, {"token_policies": ["theirs"]})
    with pytest.raises(pulumi.RunError, match="AppRole billing at auth/approle exists already"):
        lived.up(SeenVault(lived.server))
    lived.server.api("POST", role, {"token_policies": before["token_policies"]})


# ------------------------------------------------------------------------------ enough, no more


def test_every_call_was_allowed_by_its_own_set(lived: Installation, calls: list[Call]) -> None:
    assert len(calls) > 1000
    assert {call.under for call in calls} == set(PermissionSet)
    for call in calls:
        assert call.allowed, call
        assert f"rotation-{lived.installation}-{call.under}" in call.policies, call


def test_everything_granted_was_used(lived: Installation, calls: list[Call]) -> None:
    used = {(call.under, general(call.path), call.operation) for call in calls}
    granted = {(under, general(path), each) for under, path, each in lived.grants()}
    # Vault asks for it beside `list`; it is no request of its own.
    used |= {(u, p, "sudo") for u, p, each in used if p == "auth/token/accessors"}
    assert used == granted


def test_paths_are_exact(lived: Installation) -> None:
    for _, path, capability in lived.grants():
        assert "*" not in path
        assert capability != "sudo" or path == "auth/token/accessors/"


def test_the_login_can_only_take_the_declared_roles(lived: Installation) -> None:
    taken = {
        holder: {
            path.removeprefix(f"auth/token/create/rotation-{lived.installation}-")
            for path, _ in RULE.findall(lived.policy(holder))
        }
        for holder in LOGINS
    }
    assert taken == LOGINS


def test_the_runner_cannot_claim_and_an_operator_cannot_destroy(lived: Installation) -> None:
    for login, under in (
        (lived.log_in(), "claim"),
        (lived.operator, "revoke"),
        (lived.operator, "contain"),
    ):
        with pytest.raises(Refused, match="403"):
            lived.server.api("POST", f"auth/token/create/{lived.roles[under]}", {}, token=login)


# -------------------------------------------------------------------------------- elsewhere


@pytest.mark.parametrize("what", ["application", "environment"])
def test_the_same_call_elsewhere_is_denied(
    lived: Installation, calls: list[Call], what: str
) -> None:
    asked = {(call.under, call.operation, call.path) for call in calls}
    probed = 0
    for under, operation, path in sorted(asked):
        if general(path) not in OF_NOBODY:
            other = elsewhere(path, environment=what == "environment")
            assert lived.refuses(under, operation, other), (under, operation, other)
            probed += 1
    assert probed > 100


def test_only_contain_changes_what_all_applications_share(calls: list[Call]) -> None:
    looks = ("read", "list")
    for call in calls:
        if general(call.path) in OF_NOBODY and call.operation not in looks:
            assert call.under == "contain" or call.path == "auth/token/lookup-accessor", call


def test_only_the_sets_that_read_read(lived: Installation) -> None:
    for under in ("observe", "mint", "revoke", "contain", "claim"):
        with pytest.raises(Refused, match="403"):
            lived.server.api("GET", "apps/data/prod/billing/token", token=lived.token_of(under))


def test_a_consumer_reads_its_own_and_nothing_staged(lived: Installation) -> None:
    policy = lived.stack.named("Policy", "vault-read-billing-production").inputs["name"]
    token = lived.server.token(policy)
    assert lived.server.api("GET", "apps/data/prod/billing/token", token=token)["data"]
    for path in (
        "apps/data/prod/orders/login",
        "apps/metadata/prod/billing/token",
        "rotation-pending/metadata/?list=true",
    ):
        with pytest.raises(Refused, match="403"):
            lived.server.api("GET", path, token=token)


# ---------------------------------------------------------------------------------- preflight


def findings(made: Installation, *, expected: tuple[int, ...]) -> set[tuple[str, str]]:
    """Set, and what it may not do for which steps."""
    reply = json.loads(made.rotation("doctor", "-o", "json", expected=expected))
    return {
        (check["subject"].split(", ")[1], check["finding"])
        for check in reply["checks"]
        if check["code"] == "doctor.permission"
    }


def login_of(under: str) -> str:
    return "operator" if under == "claim" else "runner"


def lacking(under: str, path: str, capability: str) -> tuple[str, str]:
    steps = ", ".join(steps_under(PermissionSet(under)))
    return under, f"may not {capability} on {path}; needed by {steps}"


def test_doctor_finds_nothing_missing(lived: Installation) -> None:
    assert findings(lived, expected=(0, 1)) == set()


@pytest.mark.parametrize("under", list(PermissionSet))
def test_doctor_names_what_one_set_lacks(lived: Installation, under: str) -> None:
    _, path, capability = next(each for each in lived.grants() if each[0] == under)
    since = lived.audited()
    narrow = without(lived.policy(under), path, capability)
    with lived.narrowed(under, narrow), lived.logged_in(login_of(under)):
        found = findings(lived, expected=(3,))
    not_an_operators = {
        lacking(each, f"auth/token/create/{lived.roles[each]}", "update")
        for each in ("revoke", "contain")
    }
    assert found - not_an_operators == {lacking(under, path, capability)}
    looks = {"auth/token/lookup-accessor", "identity/lookup/entity", *ANYBODY}
    assert all(c.operation in ("read", "list") or c.path in looks for c in lived.calls(since))


def test_each_capability_is_missed_by_what_needs_it_alone(lived: Installation) -> None:
    """What `doctor` tells, without its other looks: each of them is taken away once."""
    with lived.connected("runner") as runner, lived.connected("operator") as operator:
        for under, path, capability in lived.grants():
            sets = {PermissionSet.CLAIM} if under == "claim" else LOGINS["base"]
            with lived.narrowed(under, without(lived.policy(under), path, capability)):
                missed = list(check(*(operator if under == "claim" else runner), sets))
            assert {(m.under, m.on, m.call) for m in missed} == {(under, path, capability)}


@pytest.mark.parametrize("under", sorted(LOGINS["base"]))
def test_doctor_names_a_role_that_the_login_may_not_take(lived: Installation, under: str) -> None:
    path = f"auth/token/create/{lived.roles[under]}"
    with lived.narrowed("base", without(lived.policy("base"), path, "update")):
        found = findings(lived, expected=(3,))
    assert found == {lacking(under, path, "update")}


# ------------------------------------------------------------------------ what the state holds


def values(made: Installation, *public: str) -> list[str]:
    """Without what these keys hold."""
    return [v for name in ISSUERS for key, v in made.value(name).items() if key not in public]


def test_no_value_is_in_what_the_stack_declared(lived: Installation) -> None:
    state = json.dumps([dict(each.inputs) for each in lived.stack.resources], default=str)
    secret_id = (lived.directory / "secret-id").read_text()
    secrets = values(lived, "username", "role_id")  # an alias is called by its role id
    assert len(secrets) == 5
    for text in (secret_id, lived.server.root, *secrets):
        assert text not in state


def test_the_declared_audit_device_hides_values(lived: Installation) -> None:
    log = (lived.directory / "audit.log").read_text()
    hidden = values(lived, "username")  # role ids too
    assert len(hidden) == 7
    assert not [text for text in hidden if text in log]
