"""Which requests each permission set makes, as data: policies are compiled from it.

It has exactly the requests of the adapters: a test reads Vault's audit log and compares. A path is
a template over a plugin's own options, `stream`, which is the identity's name, and `entity`, the id
of the entity behind an AppRole's logins; `+` is one segment that is different each time. The
connection's own grants use the connection's options instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rotation.types import PermissionSet

Capability = Literal["create", "read", "update", "patch", "delete", "list", "sudo"]

# If nothing of the kind is configured, the grant is not needed and must not be given. The last
# three depend on the AppRole issuer's options: see `asked_for`.
When = Literal["always", "pushed-consumer", "assigned", "chosen", "uses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """parameters: those that a write may have. Vault refuses all others, because its paths accept
    more than we ever send: an entity's policies, a token's type, the deletion of a secret's
    versions."""

    path: str
    capabilities: tuple[Capability, ...]
    when: When = "always"
    parameters: tuple[str, ...] = ()


Grants = Mapping[PermissionSet, tuple[Grant, ...]]

_METADATA, _DATA = "{mount}/metadata/{path}", "{mount}/data/{path}"
_STAGED = "{staging}/data/{stream}/+"
_STAGED_METADATA = "{staging}/metadata/{stream}"


def _grant(
    path: str,
    *capabilities: Capability,
    when: When = "always",
    says: tuple[str, ...] = (),
) -> Grant:
    return Grant(path=path, capabilities=capabilities, when=when, parameters=says)


_MARKS = ("custom_metadata",)
_VALUES = ("data", "options")


_LOOK = _grant(_METADATA, "read")

_ROLE = "auth/{mount}/role/{role}"
_SETTINGS = (_grant(_ROLE, "read"), _grant(f"{_ROLE}/role-id", "read"))
_ACCESSORS = f"{_ROLE}/secret-id"
_ONE = ("secret_id_accessor",)
_LOOK_UP = _grant(f"{_ROLE}/secret-id-accessor/lookup", "update", says=_ONE)
_LOOK_UP_VALUE = f"{_ROLE}/secret-id/lookup"
_DESTROY = (
    _LOOK_UP,
    _grant(f"{_ROLE}/secret-id-accessor/destroy", "update", says=_ONE),
    _grant(_ACCESSORS, "list", when="chosen"),
)
_TOKENS, _TOKEN = "auth/token/accessors/", "auth/token/lookup-accessor"
_BY_ACCESSOR = ("accessor",)
_WISHES = ("metadata", "ttl", "num_uses")
_CREDENTIALS = _grant("{mount}/static-creds/{role}", "read")

GRANTS: Mapping[str, Grants] = {
    "vault-kv2": {
        PermissionSet.OBSERVE: (
            _LOOK,
            _grant("{mount}/config", "read"),
            _grant(_STAGED_METADATA, "list"),
            _grant(f"{_STAGED_METADATA}/+", "read"),
        ),
        # Create only: a staged value cannot be overwritten, and a live one cannot be touched. The
        # claim came first, so the metadata exists already.
        PermissionSet.MINT: (
            _grant(_STAGED, "create", says=_VALUES),
            _grant(_METADATA, "patch", says=_MARKS),
        ),
        PermissionSet.VERIFY: (_LOOK, _grant(_DATA, "read"), _grant(_STAGED, "read")),
        # `patch` needs a version to merge into. Vault counts the first version as an update,
        # because our marks were there before. `read` settles a promotion without an answer, and
        # brings an old value back.
        PermissionSet.PROMOTE: (
            _grant(_METADATA, "read", "patch", says=_MARKS),
            _grant(_DATA, "update", "patch", "read", says=(*_VALUES, "version")),
            _grant(_STAGED, "read"),
            _grant(f"{_STAGED_METADATA}/+", "delete"),
        ),
        PermissionSet.DELIVER: (
            _grant(_METADATA, "read", when="pushed-consumer"),
            _grant(_DATA, "read", when="pushed-consumer"),
        ),
        PermissionSet.PROVE: (_LOOK, _grant(_DATA, "read"), _grant(_STAGED, "read")),
        PermissionSet.REVOKE: (_grant("{mount}/destroy/{path}", "update", says=("versions",)),),
        PermissionSet.CONTAIN: (_grant(_METADATA, "read", "patch", says=_MARKS),),
        PermissionSet.CLAIM: (_grant(_METADATA, "create", "patch", says=_MARKS),),
    },
    "vault-approle": {
        PermissionSet.OBSERVE: (
            *_SETTINGS,
            _grant(_ACCESSORS, "list"),
            _LOOK_UP,
            # For an operator: whether somebody still logs in with a secret id whose uses are not
            # counted.
            _grant(_TOKENS, "list", "sudo", when="uses"),
            _grant(_TOKEN, "update", when="uses", says=_BY_ACCESSOR),
        ),
        PermissionSet.MINT: (
            _grant(_ACCESSORS, "update", when="assigned", says=_WISHES),
            _grant(
                f"{_ROLE}/custom-secret-id",
                "update",
                when="chosen",
                says=("secret_id", *_WISHES),
            ),
            _grant(_LOOK_UP_VALUE, "update", when="chosen", says=("secret_id",)),
        ),
        PermissionSet.PROVE: (_grant(_LOOK_UP_VALUE, "update", says=("secret_id",)),),
        PermissionSet.REVOKE: _DESTROY,
        PermissionSet.CONTAIN: (
            *_SETTINGS,
            *_DESTROY,
            _grant("identity/lookup/entity", "update", says=("alias_name", "alias_mount_accessor")),
            _grant("identity/entity/id/{entity}", "update", says=("disabled", "metadata")),
            _grant(_TOKENS, "list", "sudo"),
            _grant(_TOKEN, "update", says=_BY_ACCESSOR),
            _grant("auth/token/revoke-accessor", "update", says=_BY_ACCESSOR),
        ),
    },
    "vault-database-static": {
        PermissionSet.OBSERVE: (_grant("{mount}/static-roles/{role}", "read"),),
        PermissionSet.MINT: (_grant("{mount}/rotate-role/{role}", "update"), _CREDENTIALS),
        PermissionSet.PROVE: (_CREDENTIALS,),
    },
    "vault-login": {},
}


def asked_for(grant: Grant, options: Any) -> bool:
    """Whether the plugin's own options need that grant."""
    match grant.when:
        case "assigned" | "chosen":
            return bool(options.origin == grant.when)
        case "uses":
            return options.uses is not None
        case _:
            return True


# Everything that the login needs, for each token role that a connection names. Vault's `default`
# policy lets every token renew, look up and revoke itself.
CONNECTION = (_grant("auth/token/create/{role}", "update", says=("display_name", "ttl")),)

# Which login takes the token roles of which sets: the runner's, that of an operator who runs
# `create` and `adopt`, and that of a person on call.
LOGINS: Mapping[str, frozenset[PermissionSet]] = {
    "base": frozenset(PermissionSet) - {PermissionSet.CLAIM},
    "operator": frozenset(PermissionSet) - {PermissionSet.REVOKE, PermissionSet.CONTAIN},
    "emergency": frozenset({PermissionSet.OBSERVE, PermissionSet.CONTAIN}),
}
