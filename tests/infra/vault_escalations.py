"""How a stolen token might become more than it is: asked of a real Vault, with the token of every
permission set, of the runner's login and of every person."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from providers.vault.testing.server import Refused
from rotation.types import PermissionSet
from tests.infra.vault_story import Installation

ROLE, SECRET = "auth/approle/role/billing", "prod/billing/token"
LIMITS: Mapping[str, Any] = {
    "delete_version_after": "1s",
    "max_versions": 1,
    "cas_required": False,
}
LONGER: tuple[Mapping[str, Any], ...] = (
    {"type": "batch", "ttl": "768h"},
    {"type": "batch"},
    {"period": "24h"},
    {"explicit_max_ttl": "768h"},
    {"renewable": True},
    {"no_default_policy": True},
    {"policies": ["root"]},
    {"no_parent": True},
    {"entity_alias": "somebody"},
    {"id": "of-my-own"},
)
"""What a token might be asked for beside its name and a life that its role cuts off."""


@dataclass(frozen=True)
class Try:
    """what: what it would change, in a reader's words."""

    what: str
    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)


def tokens(made: Installation) -> dict[str, str]:
    """By whom: as the runner and people get theirs, and who reads what is live."""
    sets = {f"the token of {under}": made.token_of(under) for under in PermissionSet}
    prefix = f"rotation-{made.installation}"
    people = {
        f"a person with {each}": _signed_in(made, f"{prefix}-{each}")
        for each in ("operator", "emergency")
    }
    reader = made.server.token(f"{prefix}-read-billing-production", no_default_policy=False)
    return {**sets, "the runner's login": made.log_in(), **people, "a consumer": reader}


def _signed_in(made: Installation, policy: str) -> str:
    """By a method of one's own, so that the person is an entity."""
    api, password = made.server.api, token_urlsafe(12)
    if "userpass/" not in api("GET", "sys/auth")["data"]:
        api("POST", "sys/auth/userpass", {"type": "userpass"})
    user = f"auth/userpass/users/{policy}"
    api("POST", user, {"password": password, "token_policies": [policy]})
    reply = api("POST", f"auth/userpass/login/{policy}", {"password": password}, token="")
    return str(reply["auth"]["client_token"])


def tries(made: Installation, token: str) -> Iterator[Try]:
    """The same for everybody; own: the entity that the token is of."""
    own = made.server.api("GET", "auth/token/lookup-self", token=token)["data"]["entity_id"]
    entities = {own, *_entities(made)} - {""}
    yield from _policies(made)
    yield from _entities_written(entities)
    yield from _groups_and_aliases(entities)
    yield from _methods(made)
    yield from _mounts()
    yield from _limits(made)
    yield from _longer(made)


def _entities(made: Installation) -> list[str]:
    """Everybody's, those that the emergency's policy names among them."""
    keys: list[str] = made.server.api("LIST", "identity/entity/id")["data"]["keys"]
    return keys


def _policies(made: Installation) -> Iterator[Try]:
    everything = {"policy": 'path "*" { capabilities = ["sudo"] }'}
    for name in ("mine", "default", f"rotation-{made.installation}-contain"):
        yield Try("a policy", "POST", f"sys/policies/acl/{name}", everything)
        yield Try("a policy", "POST", f"sys/policy/{name}", everything)


def _entities_written(entities: set[str]) -> Iterator[Try]:
    for body in ({"policies": ["root"]}, {"name": "mine"}, {"disabled": False, "policies": ["x"]}):
        yield Try("an entity", "POST", "identity/entity", body)
        yield Try("an entity", "POST", "identity/entity/name/admin", body)
        for each in sorted(entities):
            yield Try("an entity", "POST", f"identity/entity/id/{each}", body)
    for each in sorted(entities):
        yield Try("an entity", "DELETE", f"identity/entity/id/{each}")
        merge = {"from_entity_ids": [each], "to_entity_id": min(entities), "force": True}
        yield Try("an entity", "POST", "identity/entity/merge", merge)


def _groups_and_aliases(entities: set[str]) -> Iterator[Try]:
    members = {"policies": ["root"], "member_entity_ids": sorted(entities)}
    yield Try("a group", "POST", "identity/group", members)
    yield Try("a group", "POST", "identity/group/name/mine", members)
    for each in sorted(entities):
        alias = {"name": "runner", "canonical_id": each, "mount_accessor": "auth_approle_0"}
        yield Try("an alias", "POST", "identity/entity-alias", alias)
        yield Try("an alias", "POST", f"identity/entity-alias/id/{each}", alias)
    yield Try("an alias", "POST", "identity/group-alias", {"name": "mine"})


def _methods(made: Installation) -> Iterator[Try]:
    """Who logs in how, and as what."""
    wide = {"allowed_policies": ["root"], "orphan": True, "token_type": "batch"}
    for role in ("mine", *made.roles.values()):
        yield Try("a token role", "POST", f"auth/token/roles/{role}", wide)
    yield Try("a way to log in", "POST", "sys/auth/mine", {"type": "userpass"})
    yield Try("a way to log in", "POST", "sys/auth/approle/tune", {"token_type": "batch"})
    yield Try("a way to log in", "POST", "sys/mounts/auth/approle/tune", {"max_lease_ttl": "9h"})
    runner = f"auth/approle/role/rotation-{made.installation}"
    for role in (ROLE, runner, "auth/approle/role/mine"):
        yield Try("an AppRole", "POST", role, {"token_policies": ["root"]})
        yield Try("an AppRole", "POST", f"{role}/policies", {"token_policies": ["root"]})
        yield Try("an AppRole", "POST", f"{role}/role-id", {"role_id": "mine"})
    yield Try("a login as the runner", "POST", f"{runner}/secret-id")
    yield Try("a login as the runner", "POST", f"{runner}/custom-secret-id", {"secret_id": "mine"})


def _mounts() -> Iterator[Try]:
    yield Try("another mount", "POST", "sys/mounts/mine", {"type": "kv"})
    yield Try("another mount", "POST", "sys/remount", {"from": "apps", "to": "mine"})
    yield Try("another mount", "POST", "sys/mounts/apps/tune", {"options": {"version": "1"}})
    for method, path in (
        ("GET", "elsewhere/data/theirs"),
        ("POST", "elsewhere/data/theirs"),
        ("GET", "sys/mounts"),
        ("POST", "sys/audit/mine"),
        ("DELETE", f"sys/audit/rotation-{'x' * 12}"),
        ("POST", "sys/seal"),
        ("GET", "sys/raw/core"),
    ):
        yield Try("another mount", method, path)


def _limits(made: Installation) -> Iterator[Try]:
    staged = f"rotation-pending/metadata/{made.stream('billing-token')}/{'a' * 32}"
    for limit, value in LIMITS.items():
        for method in ("POST", "PATCH"):
            for path in (f"apps/metadata/{SECRET}", staged, "apps/config"):
                yield Try("limits of a secret", method, path, {limit: value})
            beside = {limit: value, "custom_metadata": {"rotation:owner": "mine"}}
            yield Try("limits of a secret", method, f"apps/metadata/{SECRET}", beside)


def _longer(made: Installation) -> Iterator[Try]:
    for more in LONGER:
        for path in ("create", "create-orphan", *(f"create/{r}" for r in made.roles.values())):
            yield Try("a token that lives longer", "POST", f"auth/token/{path}", more)


def is_granted(made: Installation, token: str, each: Try) -> bool:
    """Whatever else Vault had to say of it, its policies let it through."""
    try:
        made.server.api(each.method, each.path, each.body, token=token)
    except Refused as refused:
        return refused.status != 403
    return True


def asked(made: Installation) -> Iterator[tuple[str, Try, bool]]:
    """Who, what, and whether it was granted."""
    for who, token in tokens(made).items():
        for each in tries(made, token):
            yield who, each, is_granted(made, token, each)


def table(made: Installation) -> list[str]:
    """A line for each thing that nobody may change."""
    granted: dict[str, Counter[bool]] = {}
    holders = set()
    for who, each, was in asked(made):
        holders.add(who)
        granted.setdefault(each.what, Counter())[was] += 1
    lines = ["| what would widen a token | asked | granted |", "|---|---|---|"]
    lines += [f"| {what} | {n.total()} | {n[True]} |" for what, n in granted.items()]
    assert not any(n[True] for n in granted.values()), granted
    return [*lines, "", f"Each by {len(holders)}: {', '.join(sorted(holders))}."]
