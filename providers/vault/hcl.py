"""The grants of one connection as Vault policies: one per permission set, and for further holders.

No path has a wildcard except `+`, which stands for the one segment that is new for each attempt,
and no write has parameters beyond its grant. A token's rights on itself come from Vault's `default`
policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Self

from providers.vault.options import STAGING, AppRoleOptions, KvOptions, LoginOptions
from providers.vault.permissions import CONNECTION, GRANTS, LOGINS, Grant, Grants, asked_for
from rotation.interfaces import Call, Need, Part, PolicyDocument, Scope
from rotation.permissions.resources import Stacked
from rotation.types import PermissionSet

WRITES = frozenset({"create", "update", "patch"})

# Vault makes the id at the first login, so a configuration cannot name it. Any other entity may be
# an administrator's.
WHOSE = (
    "put the id of the AppRole's entity where it says ENTITY-OF-...: `vault write -field=id "
    "identity/lookup/entity alias_name=ROLE_ID alias_mount_accessor=ACCESSOR`"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one path allows. parameters: those of its writes."""

    capabilities: frozenset[str]
    parameters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, grant: Grant) -> Self:
        return cls(frozenset(grant.capabilities), frozenset(grant.parameters))

    def __or__(self, other: Self) -> "Rule":
        return Rule(
            self.capabilities | other.capabilities,
            self.parameters | other.parameters,
        )

    @property
    def lines(self) -> Iterator[str]:
        yield f"capabilities = [{', '.join(map(_quoted, sorted(self.capabilities)))}]"
        if self.parameters:
            named = ", ".join(f"{_quoted(each)} = []" for each in sorted(self.parameters))
            yield f"allowed_parameters = {{ {named} }}"
        elif self.capabilities & WRITES:
            yield 'denied_parameters = { "*" = [] }'


# By path.
Rules = Mapping[str, Rule]

READ, DENY = Rule(frozenset({"read"})), Rule(frozenset({"deny"}))

# The sets whose steps log in with what is rotated.
LOGS_IN = (PermissionSet.VERIFY, PermissionSet.PROVE)


class HclRenderer:
    """Writes what the tokens of each set, and the readers, get."""

    def grants(self) -> Mapping[str, Grants]:
        return GRANTS

    def stack(self) -> Stacked:
        from providers.vault.resources import VaultStack  # noqa: PLC0415 -- which renders with this

        return VaultStack()

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        """One holder after the other: the sets, `base`, `operator`, `emergency`, `consumer`,
        `read-<application>-<environment>`."""
        return [
            *(
                _document(str(under), rules, remark=_remark(rules))
                for under in PermissionSet
                if (rules := _of(scope, under))
            ),
            *_of_logins(scope.options.roles),
            *_of_consumers(scope.parts),
            *_of_readers(scope.parts),
        ]

    def calls(self, scope: Scope) -> Iterator[Call]:
        """The login takes a token for each set's role, and a rotated credential logs in."""
        for under in PermissionSet:
            needs = list(needed(scope, under))
            if needs and under in scope.options.roles:
                path = f"auth/token/create/{scope.options.roles[under]}"
                yield Call(under=under, secret=needs[0].part.secret, call="update", on=path)
            for need in needs:
                for capability in need.grant.capabilities:
                    if capability != "sudo":  # no request is called so: it makes `list` sufficient
                        yield _call(need, capability)
        for part in scope.parts:
            for under in LOGS_IN if isinstance(part.options, LoginOptions) else ():
                path = f"auth/{part.options.mount}/login"
                yield Call(under=under, secret=part.secret, call="update", on=path)


def _call(need: Need, capability: str) -> Call:
    return Call(under=need.under, secret=need.part.secret, call=capability, on=path_of(need))


def _of(scope: Scope, under: PermissionSet) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for need in needed(scope, under):
        path, rule = path_of(need), Rule.of(need.grant)
        rules[path] = rules.get(path, rule) | rule
    return rules


def _remark(rules: Rules) -> str:
    return WHOSE if any("ENTITY-OF-" in path for path in rules) else ""


def needed(scope: Scope, under: PermissionSet) -> Iterator[Need]:
    """The grants of that set that the plugins' options need."""
    for need in scope.needs:
        if need.under is under and asked_for(need.grant, need.part.options):
            yield need


def path_of(need: Need) -> str:
    """The path of the grant for that secret; an entity's id as `entity_of` writes it."""
    part = need.part
    names = {**asdict(part.options), "stream": part.stream}
    if isinstance(part.options, AppRoleOptions):
        names["entity"] = entity_of(part.options)
    path: str = need.grant.path.format(**names)
    return path


def entity_of(options: AppRoleOptions) -> str:
    """Stands for the id of the entity behind the role's logins. Vault allows nothing by it."""
    return f"ENTITY-OF-{options.mount.replace('/', '-')}-{options.role.lower()}"


def _of_logins(roles: Mapping[str, str]) -> Iterator[PolicyDocument]:
    """Where token roles are named, a login only takes their tokens."""
    for holder, sets in LOGINS.items():
        rules = {
            grant.path.format(role=role): Rule.of(grant)
            for under, role in roles.items()
            if under in sets
            for grant in CONNECTION
        }
        if rules:
            yield _document(holder, rules)


def _of_consumers(parts: Iterable[Part]) -> Iterator[PolicyDocument]:
    """A login with a rotated credential may not read staged values, whatever else its AppRole
    allows."""
    options = [part.options for part in parts]
    if any(isinstance(each, AppRoleOptions) for each in options):
        staging = {each.staging for each in options if isinstance(each, KvOptions)} or {STAGING}
        yield _document("consumer", {f"{each}/*": DENY for each in staging})


def _of_readers(parts: Iterable[Part]) -> Iterator[PolicyDocument]:
    """Readers get what is live and, whatever else they are granted, never what is staged."""
    stored = [part for part in parts if isinstance(part.options, KvOptions)]
    stored.sort(key=_owner_of)
    for (application, environment), mine in groupby(stored, _owner_of):
        rules: dict[str, Rule] = {}
        for part in mine:
            rules[f"{part.options.mount}/data/{part.options.path}"] = READ
            rules[f"{part.options.staging}/*"] = DENY
        yield _document(f"read-{application}-{environment}", rules)


def _owner_of(part: Part) -> tuple[str, str]:
    return part.application, part.environment


def _document(holder: str, rules: Rules, remark: str = "") -> PolicyDocument:
    text = "\n".join(
        "\n  ".join((f'path "{path}" {{', *rule.lines)) + "\n}"
        for path, rule in sorted(rules.items())
    )
    return PolicyDocument(name=holder, holder=holder, text=f"{text}\n", remark=remark)


def _quoted(text: str) -> str:
    return f'"{text}"'
