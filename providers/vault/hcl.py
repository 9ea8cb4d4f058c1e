"""The grants of one connection as Vault policies: one per permission set, and who else.

No path has a wildcard but `+`, for the one segment that an attempt has a new name for each time.
What a token may do with itself is what Vault's `default` policy allows it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby

from providers.vault.options import STAGING, AppRoleOptions, KvOptions, LoginOptions
from providers.vault.permissions import CONNECTION, GRANTS, LOGINS, Grants, asked_for
from rotation.interfaces import Call, Need, Part, PolicyDocument, Scope
from rotation.types import PermissionSet

Rules = Mapping[str, Iterable[str]]
"""Path -> capabilities."""

LOGS_IN = (PermissionSet.VERIFY, PermissionSet.PROVE)
"""Whose steps log in with what is rotated."""


class HclRenderer:
    """Writes what the sets' tokens, whoever takes them, and the readers get."""

    def grants(self) -> Mapping[str, Grants]:
        return GRANTS

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        """One holder after the other: the sets, `base`, `operator`, `emergency`, `consumer`,
        `read-<application>-<environment>`."""
        return [
            *(
                _document(str(under), rules)
                for under in PermissionSet
                if (rules := _of(scope, under))
            ),
            *_of_logins(scope.options.roles),
            *_of_consumers(scope.parts),
            *_of_readers(scope.parts),
        ]

    def calls(self, scope: Scope) -> Iterator[Call]:
        """The login takes a token of each set's role, and whatever is rotated logs in."""
        for under in PermissionSet:
            needs = list(needed(scope, under))
            if needs and under in scope.options.roles:
                path = f"auth/token/create/{scope.options.roles[under]}"
                yield Call(under=under, secret=needs[0].part.secret, call="update", on=path)
            for need in needs:
                for capability in need.grant.capabilities:
                    if capability != "sudo":  # which no request is: it makes `list` enough
                        yield _call(need, capability)
        for part in scope.parts:
            for under in LOGS_IN if isinstance(part.options, LoginOptions) else ():
                path = f"auth/{part.options.mount}/login"
                yield Call(under=under, secret=part.secret, call="update", on=path)


def _call(need: Need, capability: str) -> Call:
    return Call(under=need.under, secret=need.part.secret, call=capability, on=path_of(need))


def _of(scope: Scope, under: PermissionSet) -> dict[str, set[str]]:
    rules: dict[str, set[str]] = {}
    for need in needed(scope, under):
        rules.setdefault(path_of(need), set()).update(need.grant.capabilities)
    return rules


def needed(scope: Scope, under: PermissionSet) -> Iterator[Need]:
    """What of that set the plugins' own options ask for."""
    for need in scope.needs:
        if need.under is under and asked_for(need.grant, need.part.options):
            yield need


def path_of(need: Need) -> str:
    """What the grant is about, for that secret."""
    part = need.part
    path: str = need.grant.path.format(**asdict(part.options), stream=part.stream)
    return path


def _of_logins(roles: Mapping[str, str]) -> Iterator[PolicyDocument]:
    """A login does nothing itself where token roles are named."""
    for holder, sets in LOGINS.items():
        rules = {
            grant.path.format(role=role): grant.capabilities
            for under, role in roles.items()
            if under in sets
            for grant in CONNECTION
        }
        if rules:
            yield _document(holder, rules)


def _of_consumers(parts: Iterable[Part]) -> Iterator[PolicyDocument]:
    """Who logs in with what is rotated reads nothing staged, whatever else the AppRole may."""
    options = [part.options for part in parts]
    if any(isinstance(each, AppRoleOptions) for each in options):
        staging = {each.staging for each in options if isinstance(each, KvOptions)} or {STAGING}
        yield _document("consumer", {f"{each}/*": ("deny",) for each in staging})


def _of_readers(parts: Iterable[Part]) -> Iterator[PolicyDocument]:
    """What is live, and whatever else they are granted: never what is staged."""
    stored = [part for part in parts if isinstance(part.options, KvOptions)]
    stored.sort(key=_owner_of)
    for (application, environment), mine in groupby(stored, _owner_of):
        rules: dict[str, Iterable[str]] = {}
        for part in mine:
            rules[f"{part.options.mount}/data/{part.options.path}"] = ("read",)
            rules[f"{part.options.staging}/*"] = ("deny",)
        yield _document(f"read-{application}-{environment}", rules)


def _owner_of(part: Part) -> tuple[str, str]:
    return part.application, part.environment


def _document(holder: str, rules: Rules) -> PolicyDocument:
    lines = [
        f'path "{path}" {{\n  capabilities = [{_quoted(capabilities)}]\n}}'
        for path, capabilities in sorted(rules.items())
    ]
    return PolicyDocument(name=holder, holder=holder, text="\n".join(lines) + "\n")


def _quoted(capabilities: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in sorted(capabilities))
