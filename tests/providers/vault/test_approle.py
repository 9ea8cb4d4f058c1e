"""Secret ids of AppRoles on a real Vault, whose lockout is as it comes."""

import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.options import AppRoleOptions, LoginOptions
from rotation.errors import Denied, NeedsPerson, NotYet, RotationError
from rotation.interfaces import PluginContext
from rotation.journal.entries import stamp, unstamp
from rotation.testing import CallFault
from rotation.testing.issuer import IssuerConformance
from rotation.testing.probe import ProbeConformance
from rotation.types import Fields, KeyState, PermissionSet, SecretValue, Traits, Verdict, mark
from tests.support.approle import PLENTY, AppRole, context, inject_fault, issuer_of, role
from tests.support.vault import INSTALLATION

__all__ = ["context", "role"]

CONTAIN = PermissionSet.CONTAIN
ATTEMPT = "1" * 32


@pytest.fixture
def issuer(role: AppRole, context: PluginContext) -> AppRoleIssuer:
    return issuer_of(role, context)


@pytest.fixture
def probe(role: AppRole, context: PluginContext) -> VaultLogin:
    return VaultLogin(LoginOptions(connection="main", mount=role.mount), context)


# ------------------------------------------------------------------------------- conformance


@dataclass
class Bench:
    role: AppRole
    issuer: AppRoleIssuer
    connection: VaultConnection

    @property
    def options(self) -> AppRoleOptions:
        return self.issuer._options

    def accepts(self, fields: Fields) -> bool:
        return self.role.accepts(fields)

    def use(self, fields: Fields) -> None:
        self.role.login(fields)

    def live(self) -> Mapping[str, KeyState]:
        ids = {}
        for accessor in self.role.accessors():
            metadata = self.role.secret_id(accessor)["metadata"]
            ids[metadata["rotation"] if "rotation-chosen" in metadata else accessor] = 0
        return dict.fromkeys(ids, KeyState.ACTIVE)

    def mints(self) -> int:
        return len(self.role.accessors())

    def settle(self) -> None:
        pass

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        call = {
            "listing": "/secret-id",
            "usage": "/secret-id",
            "issue": "/secret-id",
            "activate": "/secret-id/lookup",
            "destroy": "/secret-id-accessor/destroy",
        }[operation]
        return inject_fault(self.connection, self.role.path + call, kind)


def claimed(**more) -> Traits:
    return AppRoleOptions(connection="-", role="app", **more).TRAITS


class TestAssigned(IssuerConformance, traits=claimed()):
    @pytest.fixture
    def bench(self, role, issuer, connection) -> Bench:
        return Bench(role, issuer, connection)


class TestAssignedWithUses(IssuerConformance, traits=claimed(uses=PLENTY)):
    @pytest.fixture
    def bench(self, role, context, connection) -> Bench:
        return Bench(role, issuer_of(role, context, uses=PLENTY), connection)


class TestChosen(IssuerConformance, traits=claimed(origin="chosen", uses=PLENTY)):
    @pytest.fixture
    def bench(self, role, context, connection) -> Bench:
        return Bench(role, issuer_of(role, context, origin="chosen", uses=PLENTY), connection)


@dataclass
class ProbeBench:
    role: AppRole
    issuer: AppRoleIssuer
    probe: VaultLogin
    connection: VaultConnection

    def good(self) -> Fields:
        return self.issuer.issue("1" * 32).fields

    def dead(self) -> Fields:
        new = self.issuer.issue("2" * 32)
        self.issuer.destroy(new.handle.id)
        return new.fields

    def traces(self) -> int:
        return self.role.tokens()

    def trouble(self, kind: CallFault) -> AbstractContextManager[None]:
        return inject_fault(self.connection, f"auth/{self.role.mount}/login", kind)


class TestLogin(ProbeConformance):
    @pytest.fixture
    def bench(self, role, issuer, probe, connection) -> ProbeBench:
        return ProbeBench(role, issuer, probe, connection)


# -------------------------------------------------------------------------------- secret ids


def wrong(fields: Fields) -> Fields:
    return Fields(public=fields.public, secret={"secret_id": SecretValue("certainly-not-it")})


def refusal(act) -> RotationError:
    with pytest.raises(RotationError) as caught:
        act()
    return caught.value


def test_a_lost_mint_carries_our_mark(role, issuer, connection):
    with inject_fault(connection, role.path + "/secret-id", CallFault.LOST):
        assert refusal(lambda: issuer.issue(ATTEMPT)).code == "vault.no-answer"
    [handle] = issuer.listing().handles
    assert handle.mark == mark(INSTALLATION, ATTEMPT)


@pytest.mark.parametrize("origin", ["assigned", "chosen"])
def test_creation_and_expiry_are_vaults_own(role, context, origin):
    issuer = issuer_of(role, context, ttl_s=3600, origin=origin)
    new = issuer.issue(ATTEMPT)
    issuer.activate(new)
    listing = issuer.listing()
    reply = listing.find(new.handle.id)
    assert reply.expires - reply.created == timedelta(hours=1)
    assert abs(new.handle.expires - reply.expires) < timedelta(seconds=2)
    assert abs(listing.server_at - reply.created) < timedelta(seconds=5)
    # Whatever zone Vault's host has: the journal keeps moments.
    assert unstamp(stamp(reply.expires)) == reply.expires
    assert abs(unstamp(stamp(reply.created)) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_roles_own_lifetime_is_told_of_a_chosen_one(role, context):
    role.set(secret_id_ttl="30m")
    new = issuer_of(role, context, origin="chosen").issue(ATTEMPT)
    assert new.handle.expires - new.handle.created == timedelta(minutes=30)


def test_a_chosen_one_is_registered_once_whatever_is_lost(role, context, connection):
    issuer = issuer_of(role, context, origin="chosen")
    new = issuer.issue(ATTEMPT)
    with inject_fault(connection, role.path + "/custom-secret-id", CallFault.LOST):
        refusal(lambda: issuer.activate(new))
    issuer.activate(new)
    assert issuer.listing().ids == {new.handle.id}
    assert role.accepts(new.fields)


def test_the_latest_login_is_told_exactly_where_uses_are_counted(role, context):
    issuer = issuer_of(role, context, uses=PLENTY)
    new = issuer.issue(ATTEMPT)
    before = datetime.now(UTC)
    token = role.login(new.fields)
    role.vault.api("POST", "auth/token/revoke-self", token=token)
    assert before <= issuer.usage(new.handle.id).last_used <= datetime.now(UTC)


def test_of_one_that_a_person_made_the_living_tokens_tell(role, context):
    """It has no count of uses: the first one that a rotation replaces."""
    issuer = issuer_of(role, context, uses=PLENTY)
    made = role.vault.api("POST", f"{role.path}/secret-id", {})["data"]
    role_id = role.vault.api("GET", f"{role.path}/role-id")["data"]["role_id"]
    ours = issuer.issue(ATTEMPT)
    role.login(ours.fields)
    assert issuer.usage(made["secret_id_accessor"]).last_used is None
    secret = {"secret_id": SecretValue(made["secret_id"])}
    token = role.login(Fields(public={"role_id": role_id}, secret=secret))
    used = issuer.usage(made["secret_id_accessor"]).last_used
    assert used > datetime.now(UTC) - timedelta(seconds=10)
    role.vault.api("POST", "auth/token/revoke-self", token=token)
    assert issuer.usage(made["secret_id_accessor"]).last_used is None


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"secret_id_num_uses": 1}, "issuer.few-uses"),
        ({"secret_id_num_uses": 999}, "issuer.few-uses"),
        ({"secret_id_bound_cidrs": ["10.0.0.0/8"]}, "issuer.cidr-bound"),
        (
            {"bind_secret_id": False, "token_bound_cidrs": ["127.0.0.1/32"]},
            "issuer.not-bound",
        ),
    ],
)
def test_a_role_that_would_go_wrong_later_gets_no_secret_id(role, issuer, settings, code):
    role.set(**settings)
    error = refusal(lambda: issuer.issue(ATTEMPT))
    assert isinstance(error, NeedsPerson)
    assert error.code == code
    assert role.accessors() == []


def test_bound_to_addresses_it_is_made_where_that_is_stated(role, context):
    role.set(secret_id_bound_cidrs=["10.0.0.0/8"])
    issuer = issuer_of(role, context, unverified="cidr-bound")
    assert issuer.issue(ATTEMPT).handle.id in role.accessors()


def test_a_role_that_is_not_there_is_named(context, role):
    issuer = issuer_of(role, context)
    role.vault.api("DELETE", role.path)
    for act in (issuer.listing, lambda: issuer.issue(ATTEMPT)):
        error = refusal(act)
        assert isinstance(error, NeedsPerson)
        assert role.name in error.message


def test_an_expired_one_is_no_instance(role, context):
    issuer = issuer_of(role, context, ttl_s=1)
    new = issuer.issue(ATTEMPT)
    while datetime.now(UTC) <= new.handle.expires + timedelta(seconds=1):
        pass
    assert issuer.listing().handles == ()


def test_a_stored_value_that_vault_does_not_know_needs_a_person(issuer):
    fields = wrong(issuer.issue(ATTEMPT).fields)
    assert refusal(lambda: issuer.handle_of(fields, "v1")).code == "issuer.unknown-value"


# ------------------------------------------------------------------------------------ logins


def test_five_refused_logins_lock_the_role_which_is_no_verdict(role, issuer, probe):
    """Otherwise the next login would look like the death of a good secret id."""
    good = issuer.issue(ATTEMPT).fields
    for _ in range(5):
        assert probe.login(wrong(good)) is Verdict.REFUSED
    assert not role.accepts(good)
    assert role.locked() == 1
    assert refusal(lambda: probe.login(good)).code == "probe.locked"


def test_the_negative_control_never_locks_the_role(role, issuer, probe):
    good = issuer.issue(ATTEMPT).fields
    for _ in range(12):
        assert probe.wrong(good) is Verdict.REFUSED
    assert role.accepts(good)


def test_a_secret_id_bound_to_addresses_is_not_refused_by_its_verdict(role, context, probe):
    role.set(secret_id_bound_cidrs=["10.0.0.0/8"])
    new = issuer_of(role, context, unverified="cidr-bound").issue(ATTEMPT)
    assert refusal(lambda: probe.login(new.fields)).code == "probe.not-from-here"


def test_a_token_that_may_not_revoke_itself_is_not_left_unsaid(role, issuer, probe):
    role.set(token_no_default_policy=True, token_policies=["nothing"])
    error = refusal(lambda: probe.login(issuer.issue(ATTEMPT).fields))
    assert error.code == "probe.token-left"


# ------------------------------------------------------------------------------- containment


def test_containment_ends_the_secret_id_and_its_tokens_and_opens_the_role_again(role, issuer):
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    token = role.login(old.fields)
    for _ in range(2):
        issuer.destroy(old.handle.id, under=CONTAIN)
    assert not role.lives(token)
    assert not role.accepts(old.fields)
    assert role.accepts(new.fields)
    assert role.accessors() == [new.handle.id]


def test_a_routine_destroy_leaves_tokens_alone(role, issuer):
    old = issuer.issue(ATTEMPT)
    token = role.login(old.fields)
    issuer.destroy(old.handle.id)
    assert role.lives(token)


def test_a_runner_that_died_inside_a_containment_is_followed_by_one_that_ends_it(
    role, issuer, connection
):
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    token = role.login(old.fields)
    with inject_fault(connection, "auth/token/accessors", CallFault.UNREACHABLE):
        refusal(lambda: issuer.destroy(old.handle.id, under=CONTAIN))
    assert not role.lives(token)
    assert not role.accepts(new.fields), "the role is off until its tokens are dead"
    issuer.destroy(old.handle.id, under=CONTAIN)
    assert role.accepts(new.fields)
    assert not role.lives(token)


def test_what_somebody_else_disabled_stays_disabled(role, issuer):
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    token = role.login(new.fields)
    entity = role.vault.api("GET", "auth/token/lookup-self", token=token)["data"]["entity_id"]
    role.vault.api("POST", f"identity/entity/id/{entity}", {"disabled": True})
    issuer.destroy(old.handle.id, under=CONTAIN)
    assert not role.accepts(new.fields)


def test_a_policy_that_is_too_narrow_does_not_keep_a_leaked_secret_id_alive(
    role, issuer, connection
):
    old = issuer.issue(ATTEMPT)
    role.login(old.fields)
    with inject_fault(connection, "identity/lookup/entity", CallFault.DENIED):
        error = refusal(lambda: issuer.destroy(old.handle.id, under=CONTAIN))
    assert isinstance(error, Denied)
    assert role.accessors() == []


def test_batch_tokens_keep_the_role_off_until_they_are_over(role, context):
    role.set(token_type="batch", token_ttl="10m")
    now = [datetime.now(UTC)]
    clock = SimpleNamespace(now=lambda: now[0])
    issuer = issuer_of(role, replace(context, clock=clock))
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    token = role.login(old.fields)
    error = refusal(lambda: issuer.destroy(old.handle.id, under=CONTAIN))
    assert isinstance(error, NotYet)
    assert error.until == now[0] + timedelta(minutes=10)
    assert not role.lives(token)
    assert not role.accepts(new.fields)
    now[0] = error.until
    issuer.destroy(old.handle.id, under=CONTAIN)
    assert role.accepts(new.fields)


# ------------------------------------------------------------------------------------ by hand


@pytest.mark.parametrize("origin", ["assigned", "chosen"])
def test_what_a_person_is_told_to_type_ends_the_secret_id(
    role: AppRole, context: PluginContext, origin: str
) -> None:
    issuer = issuer_of(role, context, origin=origin)
    new = issuer.issue("1" * 32)
    issuer.activate(new)
    typed = issuer._options.by_hand(new.handle.id, {})
    token = role.login(new.fields)
    words = shlex.split(typed.rpartition("end by: ")[2])
    assert words[:4] == ["vault", "lease", "revoke", "-prefix"]
    role.vault.api("PUT", f"sys/leases/revoke-prefix/{words[4]}")
    assert not role.lives(token)
    verb, path, *data = shlex.split(typed, comments=True)[1:]
    if origin == "chosen":
        assert (verb, path) == ("list", f"auth/{role.mount}/role/{role.name}/secret-id")
        return
    assert verb == "write"
    role.vault.api("POST", path, dict(word.split("=", 1) for word in data))
    assert not role.accepts(new.fields)


def tuned(role, **lockout: object) -> None:
    body = {"user_lockout_config": lockout}
    role.vault.api("POST", f"sys/auth/{role.mount}/tune", body)


def test_a_lockout_that_an_emergency_would_run_into_is_told(role, issuer):
    [(code, sentence, hint)] = issuer.cautions()
    assert code == "vault.user-lockout"
    assert role.mount in sentence
    assert f"vault auth tune -user-lockout-disable=true {role.mount}/" in hint
    tuned(role, lockout_threshold="7")
    assert issuer.cautions()
    tuned(role, lockout_disable=True)
    assert issuer.cautions() == []
    tuned(role, lockout_disable=False)
    assert issuer.cautions()
