"""May this principal do this to that? Asked before an operation runs.

By default everything is allowed: strict AWS checks *who* calls, and the tests decide *what* they
may. Two doors are there for it: a list of denials, which a test in another process can set, and a
hook, which a test in the same process can set and which may be a whole policy evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from providers.aws.testing.identity import Principal

Context = Mapping[str, Any]
Authorise = Callable[[str, str, str, Context], bool]
"""(principal ARN, action, resource ARN, context) -> allowed. Runs under the server's lock."""


@dataclass(frozen=True, slots=True)
class _Denial:
    action: str
    principal: str
    resource: str


class Gate:
    """The denials, the policy of a session, and the hook. A denial wins over the hook, and what a
    session's own policy does not allow is not asked of it."""

    def __init__(self, administrator: str) -> None:
        self._administrator = administrator
        self._denials: list[_Denial] = []
        self.hook: Authorise | None = None

    def deny(self, action: str, principal: str = "*", resource: str = "*") -> None:
        """Deny these actions (`iam:Delete*`, `kms:Decrypt`) to principals and on resources."""
        self._denials.append(_Denial(action, principal, resource))

    def clear(self) -> None:
        """Forget every denial. The hook stays."""
        self._denials.clear()

    def allows(self, principal: Principal, action: str, resource: str, context: Context) -> bool:
        """Whether this is allowed. The hook is never asked about the administrator."""
        if self.denies(principal, action, resource):
            return False
        if principal.policy and not principal.policy.allows(action, resource, context):
            return False
        if self.hook is None or principal.arn == self._administrator:
            return True
        return self.hook(principal.arn, action, resource, context)

    def denies(self, principal: Principal, action: str, resource: str) -> bool:
        """Whether a denial in the list meets this."""
        return any(
            fnmatchcase(action, denial.action)
            and fnmatchcase(principal.arn, denial.principal)
            and fnmatchcase(resource, denial.resource)
            for denial in self._denials
        )
