"""What the tests of Vault's adapters share."""

from collections import defaultdict

from providers.vault.permissions import CONNECTION, GRANTS, asked_for
from rotation.types import PermissionSet

INSTALLATION = "0123456789ab"


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
        policies = entry.get("auth", {}).get("token_policies", [])
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
