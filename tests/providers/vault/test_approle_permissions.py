"""AppRole's grants are enough and exactly the requests: a token per set, and Vault's audit log."""

from dataclasses import replace

import pytest

from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions
from providers.vault.permissions import GRANTS
from rotation.errors import Denied
from rotation.interfaces import Need, Part, Scope
from rotation.types import PermissionSet
from tests.support.approle import PLENTY, context, issuer_of, role
from tests.support.vault import INSTALLATION, asked, granted, restricted

__all__ = ["context", "role"]
APPROLE = GRANTS["vault-approle"]


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
