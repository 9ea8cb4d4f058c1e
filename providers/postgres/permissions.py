"""Which functions each permission set calls, as data: the set-up's grants are made from it.

It has exactly the calls of the issuer: a test records what it sends and compares. A login needs no
grant: every role may ask which server it is, and whether it is a standby.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rotation.types import PermissionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """function: with the types of its arguments, in schema `rotation`. when: called only in that
    mode."""

    function: str
    when: Literal["always", "unique"] = "always"


Grants = Mapping[PermissionSet, tuple[Grant, ...]]


def _calls(*functions: str, unique: str | None = None) -> tuple[Grant, ...]:
    alone = () if unique is None else (Grant(function=unique, when="unique"),)
    return (*(Grant(function=function) for function in functions), *alone)


GRANTS: Mapping[str, Grants] = {
    "postgres-login": {
        PermissionSet.OBSERVE: _calls("instances(text)"),
        PermissionSet.MINT: _calls(
            "begin(text, text)",
            "activate(text, name, text, text)",
            "differences(text, name)",
            unique="gather(text)",
        ),
        PermissionSet.REVOKE: _calls(
            "left_behind(text, name)",
            "suspend(text, name, text, boolean)",
            "resume(text, name, text)",
            "destroy(text, name, text, boolean)",
            unique="hand_over(text, name)",
        ),
        PermissionSet.CONTAIN: _calls("contain(text, name, text)", "terminate(text, name)"),
    },
}
