"""The grants are exactly the requests, and enough: a token per set, and Vault's own audit log."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from providers.vault.kv2 import KvStore
from providers.vault.options import KvOptions
from providers.vault.permissions import CONNECTION, GRANTS, Grant
from rotation.errors import Conflict, Denied
from rotation.types import COMPROMISED, PENDING, PREVIOUS, PermissionSet
from tests.support.vault_kv import FIRST, SECOND, THIRD, credential

CONTAIN, PROMOTE = PermissionSet.CONTAIN, PermissionSet.PROMOTE
PATH = "team/app"
KV = GRANTS["vault-kv2"]


@pytest.fixture
def places(mounts, context) -> dict[str, str]:
    return {"mount": mounts[0], "staging": mounts[1], "path": PATH, "stream": context.stream}


def rules(grants: tuple[Grant, ...], places: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        found[grant.path.format(**places)] += grant.capabilities
    return found


@pytest.fixture
def restricted(vault, connect, fresh_name, places) -> Iterator:
    """A login that can do nothing but take the sets' token roles."""
    roles = {name: f"{fresh_name}-{name}" for name in PermissionSet}
    for name, role in roles.items():
        vault.policy(role, rules(KV[name], places))
        vault.api(
            "POST",
            f"auth/token/roles/{role}",
            {"allowed_policies": [role], "token_no_default_policy": True},
        )
    login = {
        grant.path.format(role=role): list(grant.capabilities)
        for grant in CONNECTION
        for role in roles.values()
    }
    vault.policy(f"{fresh_name}-login", login)
    token = vault.token(f"{fresh_name}-login", no_default_policy=False)
    return connect(roles=roles, given=token)


@pytest.fixture
def store(restricted, context, places) -> KvStore:
    options = KvOptions(
        connection="main", mount=places["mount"], path=PATH, staging=places["staging"]
    )
    context.connections["main"] = restricted
    return KvStore(options, context)


def use_everything(store: KvStore) -> None:
    store.claim("0123456789ab")
    empty = store.place("0" * 32)
    first = store.stage(FIRST, credential(1), onto=empty)
    store.promote(first, expecting=empty)
    second = store.stage(SECOND, credential(2), onto=first)
    with pytest.raises(Conflict):
        store.stage(SECOND, credential(3), onto=first)
    store.state()
    for under in (PermissionSet.VERIFY, PermissionSet.PROVE):
        store.read(second, under=under)
    store.promote(second, expecting=first)
    for under in (PermissionSet.VERIFY, PermissionSet.DELIVER):
        store.read(second, under=under)
    store.read(first, under=PermissionSet.PROVE)
    store.promote(first, expecting=second)
    for version in (first, second):
        store.unlabel(version, PENDING, under=PROMOTE)
    store.unlabel(second, PREVIOUS, under=PROMOTE)
    store.mark_compromised(first)
    store.unlabel(first, COMPROMISED, under=CONTAIN)


def asked(vault, since: int, roles: dict) -> dict[str, dict[str, set[str]]]:
    """Permission set -> path -> capabilities, as the audit log has them."""
    sets = {role: name for name, role in roles.items()}
    made: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in vault.requests(since):
        policies = entry.get("auth", {}).get("token_policies", [])
        # What the fence refused, the second value under one attempt, was not granted.
        allowed = entry.get("auth", {}).get("policy_results", {}).get("allowed")
        if allowed and policies and policies[0] in sets:
            path = entry["request"]["path"].rstrip("/")
            made[sets[policies[0]]][path].add(entry["request"]["operation"])
    return made


def general(path: str, places: dict[str, str]) -> str:
    head, stream, _ = path.partition(f"/{places['stream']}/")
    return f"{head}{stream}+" if stream else path


def test_the_grants_are_enough_and_exactly_the_requests(vault, store, restricted, context, places):
    since = vault.audited()
    use_everything(store)
    found = {
        name: {general(path, places): operations for path, operations in paths.items()}
        for name, paths in asked(vault, since, restricted.options.roles).items()
    }
    granted = {
        name: {path: set(capabilities) for path, capabilities in rules(grants, places).items()}
        for name, grants in KV.items()
    }
    assert found == granted


def test_nothing_is_placed_where_nobody_claimed(store):
    with pytest.raises(Denied):
        store.place(THIRD)


def test_no_set_both_reads_values_and_destroys():
    for grants in KV.values():
        reads = any("/data/" in grant.path and "read" in grant.capabilities for grant in grants)
        assert not (reads and any("/destroy/" in grant.path for grant in grants))


def test_what_one_set_may_another_may_not(vault, restricted, store, places):
    """The fence is Vault's: a stolen token of one step is of no use for the next."""
    first = store.stage(FIRST, credential(1), onto=None)
    for under, method, path in (
        (PermissionSet.MINT, "GET", f"{places['staging']}/data/{places['stream']}/{FIRST}"),
        (PermissionSet.OBSERVE, "GET", f"{places['mount']}/data/{PATH}"),
        (PermissionSet.VERIFY, "PUT", f"{places['mount']}/destroy/{PATH}"),
        (PermissionSet.REVOKE, "GET", f"{places['mount']}/data/{PATH}"),
    ):
        with pytest.raises(Denied):
            restricted.call(method, path, under=under, body={} if method == "PUT" else None)
    assert store.state().pending == first
