"""Which requests each permission set makes, as data: what policies are compiled from.

Exactly the requests of the adapters, no more: a test reads Vault's audit log and compares. A path
is a template over a plugin's own options and `stream`, the identity's name; `+` is one segment.
What the connection itself needs has the connection's options instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rotation.types import PermissionSet

Capability = Literal["create", "read", "update", "patch", "delete", "list"]

When = Literal["always", "pushed-consumer"]
"""Where nothing of the kind is configured, the grant is not needed and must not be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    path: str
    capabilities: tuple[Capability, ...]
    when: When = "always"


Grants = Mapping[PermissionSet, tuple[Grant, ...]]

_METADATA, _DATA = "{mount}/metadata/{path}", "{mount}/data/{path}"
_STAGED = "{staging}/data/{stream}/+"
_STAGED_METADATA = "{staging}/metadata/{stream}"


def _grant(path: str, *capabilities: Capability, when: When = "always") -> Grant:
    return Grant(path=path, capabilities=capabilities, when=when)


_LOOK = _grant(_METADATA, "read")

GRANTS: Mapping[str, Grants] = {
    "vault-kv2": {
        PermissionSet.OBSERVE: (
            _LOOK,
            _grant("{mount}/config", "read"),
            _grant(_STAGED_METADATA, "list"),
            _grant(f"{_STAGED_METADATA}/+", "read"),
        ),
        # Create alone: what is staged cannot be overwritten, and what is live not be touched.
        PermissionSet.MINT: (_grant(_STAGED, "create"), _grant(_METADATA, "create", "patch")),
        PermissionSet.VERIFY: (_LOOK, _grant(_DATA, "read"), _grant(_STAGED, "read")),
        # `patch` needs a version to merge into, and the first one is an update to Vault, for our
        # marks were there before. `read` settles a promotion that was not answered, and brings
        # an old value back.
        PermissionSet.PROMOTE: (
            _grant(_METADATA, "read", "patch"),
            _grant(_DATA, "update", "patch", "read"),
            _grant(_STAGED, "read"),
            _grant(f"{_STAGED_METADATA}/+", "delete"),
        ),
        PermissionSet.DELIVER: (
            _grant(_METADATA, "read", when="pushed-consumer"),
            _grant(_DATA, "read", when="pushed-consumer"),
        ),
        PermissionSet.PROVE: (_LOOK, _grant(_DATA, "read"), _grant(_STAGED, "read")),
        PermissionSet.REVOKE: (_grant("{mount}/destroy/{path}", "update"),),
        PermissionSet.CONTAIN: (_grant(_METADATA, "read", "patch"),),
        PermissionSet.CLAIM: (_grant(_METADATA, "create", "patch"),),
    },
}

CONNECTION = (_grant("auth/token/create/{role}", "update"),)
"""What the login needs, and nothing else, for each token role that a connection names. To renew,
look up and revoke itself is what Vault's `default` policy lets every token do."""
