"""Compiled policies of Vault: exact paths, one document per permission set."""

import re
from dataclasses import replace

from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions, ConnectionOptions, KvOptions
from providers.vault.permissions import GRANTS
from rotation.interfaces import Need, Part, Scope
from rotation.types import PermissionSet

STREAM = "generated-0123456789abcdef0123"


def part(path: str, application: str = "billing", environment: str = "production") -> Part:
    return Part(
        secret=path,
        identity=path,
        stream=STREAM,
        application=application,
        environment=environment,
        kind="stores",
        type="vault-kv2",
        options=KvOptions(connection="main", mount="apps", path=path),
    )


def scope(*parts: Part, roles: dict[str, str] | None = None) -> Scope:
    options = ConnectionOptions(
        address="https://vault.example.com:8200",
        cluster="00000000-0000-0000-0000-000000000000",
        role="runner",
        login_file="/run/secret-id",
        roles=roles or {},
    )
    needs = [
        Need(under=under, part=each, grant=grant)
        for each in parts
        for under, grants in GRANTS["vault-kv2"].items()
        for grant in grants
    ]
    return Scope(
        installation="0f3a9c2b71de",
        connection="main",
        options=options,
        parts=parts,
        needs=tuple(needs),
    )


def rules(given: Scope) -> dict[str, dict[str, set[str]]]:
    """Holder -> path -> capabilities."""
    return {
        document.holder: {
            path: set(re.findall('"(.+?)"', capabilities))
            for path, capabilities in re.findall(
                r'path "(.+?)" \{\s+capabilities = \[(.*?)\]', document.text
            )
        }
        for document in HclRenderer().documents(given)
    }


def test_each_set_has_the_paths_of_its_own_secrets_alone() -> None:
    found = rules(scope(part("one"), part("two")))
    assert set(found) >= set(GRANTS["vault-kv2"])
    staged = f"rotation-pending/data/{STREAM}/+"
    assert found["mint"][staged] == {"create"}
    assert set(found["revoke"]) == {"apps/destroy/one", "apps/destroy/two"}


def test_two_grants_on_one_path_are_one_rule() -> None:
    found = rules(scope(part("one")))
    for holder, granted in GRANTS["vault-kv2"].items():
        wanted: dict[str, set[str]] = {}
        for grant in granted:
            wanted.setdefault(grant.path, set()).update(grant.capabilities)
        assert sorted(map(sorted, found[holder].values())) == sorted(map(sorted, wanted.values()))


def test_no_set_has_a_wildcard_or_sudo() -> None:
    found = rules(scope(part("one"), roles={"mint": "rotation-mint"}))
    for holder in (*PermissionSet, "base"):
        for path, capabilities in found.get(holder, {}).items():
            assert "*" not in path
            assert not capabilities & {"sudo", "root"}


def test_the_login_takes_the_token_roles_that_are_named() -> None:
    found = rules(scope(part("one"), roles={"mint": "rotation-mint"}))
    assert found["base"] == {"auth/token/create/rotation-mint": {"update"}}
    assert "base" not in rules(scope(part("one")))


def test_the_claim_is_a_persons_and_what_destroys_is_not_an_operators() -> None:
    found = rules(scope(part("one"), roles={under: f"rotation-{under}" for under in PermissionSet}))
    taken = {
        holder: {path.removeprefix("auth/token/create/rotation-") for path in found[holder]}
        for holder in ("base", "operator", "emergency")
    }
    assert taken["base"] == set(PermissionSet) - {"claim"}
    assert taken["operator"] == set(PermissionSet) - {"revoke", "contain"}
    assert taken["emergency"] == {"observe", "contain"}


def test_readers_read_what_is_live_of_their_own_and_never_what_is_staged() -> None:
    found = rules(scope(part("one"), part("two", "orders"), part("three", environment="test")))
    assert found["read-orders-production"] == {
        "apps/data/two": {"read"},
        "rotation-pending/*": {"deny"},
    }
    assert set(found) >= {"read-billing-production", "read-billing-test"}


def test_who_logs_in_by_app_role_reads_nothing_staged_whatever_else_the_role_may() -> None:
    approle = replace(
        part("one"), type="vault-approle", options=AppRoleOptions(connection="main", role="one")
    )
    stored = scope(part("two"))
    both = replace(stored, parts=(*stored.parts, approle))
    assert rules(both)["consumer"] == {"rotation-pending/*": {"deny"}}
    assert "consumer" not in rules(stored)


def test_a_write_says_what_its_grant_names_and_nothing_else() -> None:
    """Each path takes more than we send: an entity its policies, a secret the end of its versions."""
    approle = AppRoleOptions(connection="main", role="Billing", origin="chosen", uses=9999)
    both = scope(part("one"), roles={under: f"rotation-{under}" for under in PermissionSet})
    owner = replace(part("two"), type="vault-approle", options=approle)
    needs = [
        Need(under=under, part=owner, grant=grant)
        for under, grants in GRANTS["vault-approle"].items()
        for grant in grants
    ]
    both = replace(both, parts=(*both.parts, owner), needs=(*both.needs, *needs))
    for document in HclRenderer().documents(both):
        for path, rule in re.findall(r'path "(.+?)" \{\n(.*?)\n\}', document.text, re.DOTALL):
            writes = re.search('"(create|update|patch)"', rule)
            assert bool(writes) is ("_parameters" in rule), path
            assert not re.search("policies|delete_version_after|max_versions|type|period", rule)
            assert path.count("+") == ("/+" in path and path.startswith("rotation-pending/"))


def test_an_entity_that_nobody_can_know_is_left_open_and_said() -> None:
    approle = AppRoleOptions(connection="main", role="Billing", mount="apps/login")
    owner = replace(part("two"), type="vault-approle", options=approle)
    [grant] = [
        grant
        for grant in GRANTS["vault-approle"][PermissionSet.CONTAIN]
        if "{entity}" in grant.path
    ]
    need = Need(under=PermissionSet.CONTAIN, part=owner, grant=grant)
    given = replace(scope(), parts=(owner,), needs=(need,))
    [contain] = [d for d in HclRenderer().documents(given) if d.holder == "contain"]
    assert 'path "identity/entity/id/ENTITY-OF-apps-login-billing"' in contain.text
    assert 'allowed_parameters = { "disabled" = [], "metadata" = [] }' in contain.text
    assert "ENTITY-OF-..." in contain.remark
