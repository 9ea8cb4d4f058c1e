"""Which functions each permission set calls, as data: what the set-up grants is made from it.

Exactly the calls of the issuer, no more: a test records what it sends and compares. A login needs
nothing else: whose server it is and whether it is a standby, everybody may ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rotation.types import PermissionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """function: with the types of its arguments, in schema `rotation`."""

    function: str
    when: Literal["always"] = "always"


Grants = Mapping[PermissionSet, tuple[Grant, ...]]


def _calls(*functions: str) -> tuple[Grant, ...]:
    return tuple(Grant(function=function) for function in functions)


GRANTS: Mapping[str, Grants] = {
    "postgres-login": {
        PermissionSet.OBSERVE: _calls("instances(text)"),
        PermissionSet.MINT: _calls(
            "begin(text, text)", "activate(text, name, text, text)", "differences(text, name)"
        ),
        PermissionSet.REVOKE: _calls(
            "left_behind(text, name)",
            "suspend(text, name, text, boolean)",
            "resume(text, name, text)",
            "destroy(text, name, text, boolean)",
        ),
        PermissionSet.CONTAIN: _calls("contain(text, name, text)", "terminate(text, name)"),
    },
}
