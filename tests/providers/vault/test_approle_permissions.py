"""AppRole's grants are enough and exactly the requests: a token per set, and Vault's audit log."""

from collections import defaultdict
from dataclasses import replace

import pytest

from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions
from providers.vault.permissions import CONNECTION, GRANTS, asked_for
from rotation.errors import Denied
from rotation.interfaces import Need, Part, Scope
from rotation.types import PermissionSet
from tests.providers.vault.conftest import INSTALLATION
from tests.providers.vault.test_approle import PLENTY, context, issuer_of, role

__all__ = ["context", "role"]
APPROLE = GRANTS["vault-approle"]


def paths(plugin: str, under: PermissionSet, options) -> dict[str, set[str]]:
    """As a policy says it. Vault adds a slash to the path of a listing."""
    found: dict[str, set[str]] = defaultdict(set)
    for grant in GRANTS[plugin].get(under, ()):
        if asked_for(grant, options):
            path = grant.path.format(mount=options.mount, role=options.role, entity="+")
            found[f"{path}/" if grant.capabilities == ("list",) else path] |= {*grant.capabilities}
    return found


def restricted(vault, connect, name: str, plugin: str, options):
    """A login that can do nothing but take the sets' token roles."""
    roles = {under: f"{name}-{under}" for under in PermissionSet}
    for under, token_role in roles.items():
        rules = paths(plugin, under, options)
        vault.policy(token_role, {path: sorted(rights) for path, rights in rules.items()})
        body = {"allowed_policies": [token_role], "token_no_default_policy": True}
        vault.api("POST", f"auth/token/roles/{token_role}", body)
    login = {
        grant.path.format(role=token_role): list(grant.capabilities)
        for grant in CONNECTION
        for token_role in roles.values()
    }
    vault.policy(f"{name}-login", login)
    token = vault.token(f"{name}-login", no_default_policy=False)
    return connect(roles=roles, given=token)


def asked(vault, since: int, roles: dict) -> dict[str, dict[str, set[str]]]:
    """Permission set -> path -> operations, as the audit log has them."""
    sets = {token_role: under for under, token_role in roles.items()}
    made: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in vault.requests(since):
        policies = entry["auth"].get("token_policies", [])
        path = entry["request"]["path"]
        if policies and policies[0] in sets and not path.startswith("sys/internal/ui/"):
            general = "identity/entity/id/+" if path.startswith("identity/entity/id/") else path
            made[sets[policies[0]]][general].add(entry["request"]["operation"])
    return {under: dict(paths) for under, paths in made.items()}


def granted(plugin: str, options) -> dict[str, dict[str, set[str]]]:
    sets = {under: paths(plugin, under, options) for under in PermissionSet}
    return {
        under: {path: rights - {"sudo"} for path, rights in rules.items()}
        for under, rules in sets.items()
        if rules
    }


@pytest.mark.parametrize("uses", [None, PLENTY], ids=["", "uses"])
@pytest.mark.parametrize("origin", ["assigned", "chosen"])
def test_approles_grants_are_enough_and_exactly_the_requests(
    vault, role, context, connect, fresh_name, origin, uses
):
    made = vault.api("POST", f"{role.path}/secret-id", {})["data"]["secret_id_accessor"]
    options = issuer_of(role, context, origin=origin, uses=uses)._options
    connection = restricted(vault, connect, fresh_name, "vault-approle", options)
    limited = replace(context, connections={"main": connection})
    issuer = issuer_of(role, limited, origin=origin, uses=uses)
    since = vault.audited()
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    for credential in (old, new):
        issuer.activate(credential)
        role.login(credential.fields)
        assert issuer.handle_of(credential.fields, "v") == credential.handle.id
    issuer.listing()
    if uses:
        issuer.usage(made)
    issuer.destroy(old.handle.id)
    issuer.destroy(new.handle.id, under=PermissionSet.CONTAIN)
    assert role.accessors() == [made]
    assert asked(vault, since, connection.options.roles) == granted("vault-approle", options)


def test_who_mints_cannot_destroy_and_who_destroys_cannot_mint(
    vault, role, context, connect, fresh_name
):
    options = issuer_of(role, context)._options
    connection = restricted(vault, connect, fresh_name, "vault-approle", options)
    for under, what in (
        (PermissionSet.MINT, "secret-id-accessor/destroy"),
        (PermissionSet.OBSERVE, "secret-id"),
        (PermissionSet.REVOKE, "secret-id"),
        (PermissionSet.CONTAIN, "secret-id"),
        (PermissionSet.PROVE, "secret-id"),
    ):
        with pytest.raises(Denied):
            connection.call("POST", f"{role.path}/{what}", under=under, body={})


def test_nothing_of_a_role_is_written_but_its_secret_ids():
    for grants in APPROLE.values():
        for grant in grants:
            if grant.path in ("auth/{mount}/role/{role}", "auth/{mount}/role/{role}/role-id"):
                assert grant.capabilities == ("read",)


@pytest.mark.parametrize(("uses", "walks"), [(None, False), (PLENTY, True)])
def test_a_policy_has_what_the_options_ask_for(options, uses, walks):
    """`sudo` on every token's accessor is not given for nothing."""
    part = Part(
        secret="billing",
        identity="billing",
        stream="vault-approle-0123456789abcdef0123",
        application="billing",
        environment="production",
        kind="issuers",
        type="vault-approle",
        options=AppRoleOptions(connection="main", role="billing", uses=uses),
    )
    needs = [
        Need(under=under, part=part, grant=grant)
        for under, grants in APPROLE.items()
        for grant in grants
    ]
    scope = Scope(
        installation=INSTALLATION,
        connection="main",
        options=options,
        parts=(part,),
        needs=tuple(needs),
    )
    written = {document.holder: document.text for document in HclRenderer().documents(scope)}
    assert ("sudo" in written["observe"]) is walks
    assert "auth/approle/role/billing/secret-id" in written["mint"]
    assert "custom-secret-id" not in written["mint"]
