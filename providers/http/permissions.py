"""Which declared calls each permission set makes, as data. Their permissions, in the service's
words, are in its declaration as `needs`.

It has exactly the calls of the adapters: a test records what they send and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rotation.types import PermissionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """when: only where the declaration has that call."""

    call: Literal["create", "list", "delete", "suspend", "resume"]
    when: Literal["always", "can-suspend", "cannot-suspend"] = "always"


GRANTS: Mapping[str, Mapping[PermissionSet, tuple[Grant, ...]]] = {
    "http-api": {
        # Also before and after a mint, and where a deletion finds nothing: all reads use this set.
        PermissionSet.OBSERVE: (Grant(call="list"),),
        PermissionSet.MINT: (Grant(call="create"),),
        PermissionSet.REVOKE: (
            Grant(call="delete"),
            Grant(call="suspend", when="can-suspend"),
            Grant(call="resume", when="can-suspend"),
        ),
        PermissionSet.CONTAIN: (
            Grant(call="suspend", when="can-suspend"),
            Grant(call="delete", when="cannot-suspend"),
        ),
    },
}
