"""Requests of the runner as Vault's audit log has them, and the same ones elsewhere."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

METHODS = {"create": "POST", "update": "POST", "read": "GET", "list": "LIST", "delete": "DELETE",
           "patch": "PATCH"}  # fmt: skip

ANYBODY = {
    "auth/token/revoke-self",
    "sys/capabilities-self",
    "sys/internal/ui/mounts/auth/approle",
}
"""What Vault lets every token do."""

OF_NOBODY = (
    "apps/config",
    "auth/token/accessors",
    "auth/token/lookup-accessor",
    "auth/token/revoke-accessor",
    "identity/lookup/entity",
)
"""Vault has these once for all applications: what an emergency of an AppRole needs, and the settings
of the mount. A stolen token of `contain` reaches as far; so only it may change anything there."""

SOMEBODY = "11111111-2222-3333-4444-555555555555"
"""An entity that is not ours."""

STREAM = "(generated|vault-approle|vault-database-static|postgres-login)-[0-9a-f]{20}"

RULE = re.compile(r'path "(.+?)" \{\s+capabilities = \[(.*?)\]')


@dataclass(frozen=True)
class Call:
    """One request of the runner, as Vault's audit log has it. policies: those that allowed it."""

    under: str
    operation: str
    path: str
    allowed: bool
    policies: tuple[str, ...]


def asked(lines: Iterable[str], holders: Mapping[str, str]) -> Iterator[Call]:
    """Of an audit log. holders: policy -> permission set."""
    for entry in map(json.loads, lines):
        auth = entry.get("auth", {}) if entry["type"] == "request" else {}
        results = auth.get("policy_results", {})
        for policy in holders.keys() & set(auth.get("token_policies", ())):
            yield Call(
                under=holders[policy],
                operation=entry["request"]["operation"],
                path=entry["request"]["path"],
                allowed=results.get("allowed", False),
                policies=tuple(p.get("name", "") for p in results.get("granting_policies", ())),
            )


def granted(policy: str) -> Iterator[tuple[str, str]]:
    """Path and capability."""
    for path, capabilities in RULE.findall(policy):
        yield from ((path, each) for each in re.findall(r"\w+", capabilities))


def without(text: str, path: str, capability: str) -> str:
    """A policy without that one thing."""
    [rule] = [m for m in RULE.finditer(text) if m[1] == path]
    left = [f'"{each}"' for each in re.findall(r"\w+", rule[2]) if each != capability]
    return text.replace(rule[0], f'path "{path}" {{\n  capabilities = [{", ".join(left)}]')


def general(path: str) -> str:
    """As a grant has it, whichever secret it is for."""
    for pattern, name in (
        ("prod/(billing|orders)/(token|login|database)", "{path}"),
        ("(role|roles|creds)/(billing|orders)", r"\1/{role}"),
        (STREAM, "{stream}"),
        ("/([0-9a-f]{32}|[0-9a-f-]{36})$", "/+"),
    ):
        path = re.sub(pattern, name, path)
    return path.rstrip("/")


def elsewhere(path: str, *, environment: bool) -> str:
    """The same of another application, or of another environment of this one."""
    named = "(?<=role/|oles/|reds/)"
    changes = (
        (("apps/([a-z]+)/prod/", r"apps/\1/test/"), (f"{named}(billing|orders)", r"\1-test"))
        if environment
        else (("(?<=prod/)(billing|orders)", "payroll"), (f"{named}(billing|orders)", "payroll"))
    )
    other = re.sub(STREAM, r"\1-" + "f" * 20, path)
    other = re.sub("(?<=entity/id/)[0-9a-f-]{36}", SOMEBODY, other)
    for pattern, replacement in changes:
        other = re.sub(pattern, replacement, other)
    assert other != path
    return other
