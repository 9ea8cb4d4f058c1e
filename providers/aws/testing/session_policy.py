"""What a session may do at most: the policy in its AssumeRole request, beside those of the role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil
from typing import Any

from providers.aws.testing.refusals import Refusal, invalid, not_modelled

TEXT_MAX = 2048
"""Characters, white space counted."""

_OPERATORS = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringLike": fnmatchcase,
}


@dataclass(frozen=True, slots=True)
class _Statement:
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, tuple[str, ...]]]

    def meets(self, action: str, resource: str, context: Mapping[str, Any]) -> bool:
        return (
            any(fnmatchcase(action.lower(), each.lower()) for each in self.actions)
            and any(fnmatchcase(resource, each) for each in self.resources)
            and all(
                _holds(operator, context.get(key), values)
                for operator, keys in self.condition.items()
                for key, values in keys.items()
            )
        )


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Both have to allow a call: the role, and this policy."""

    statements: tuple[_Statement, ...]
    packed_percent: int

    def allows(self, action: str, resource: str, context: Mapping[str, Any]) -> bool:
        met = [each.allows for each in self.statements if each.meets(action, resource, context)]
        return bool(met) and all(met)


def read(text: str) -> SessionPolicy:
    """Refuses as STS does. STS's way of packing a policy is unknown; here a character takes a
    byte."""
    if len(text) > TEXT_MAX:
        raise invalid("sts", f"Member 'policy' must have length less than or equal to {TEXT_MAX}")
    try:
        content = json.loads(text)["Statement"]
        statements = tuple(map(_statement, content if isinstance(content, list) else [content]))
    except (KeyError, TypeError, ValueError):
        raise Refusal("MalformedPolicyDocument", "This policy contains invalid Json") from None
    return SessionPolicy(statements, ceil(len(text) * 100 / TEXT_MAX))


def _statement(given: Mapping[str, Any]) -> _Statement:
    if unknown := given.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise not_modelled(f"a session policy with {', '.join(sorted(unknown))}")
    condition = given.get("Condition", {})
    if unknown := condition.keys() - _OPERATORS.keys():
        raise not_modelled(f"a session policy with {', '.join(sorted(unknown))}")
    return _Statement(
        allows={"Allow": True, "Deny": False}[given["Effect"]],
        actions=_many(given["Action"]),
        resources=_many(given["Resource"]),
        condition={
            operator: {key: _many(values) for key, values in keys.items()}
            for operator, keys in condition.items()
        },
    )


def _many(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _holds(operator: str, given: object, wanted: tuple[str, ...]) -> bool:
    return given is not None and any(_OPERATORS[operator](str(given), each) for each in wanted)
