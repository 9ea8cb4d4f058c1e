"""Statements and documents of IAM, as small as possible and within IAM's limits."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from rotation.errors import UsageError

# Characters of a managed policy, without white space.
DOCUMENT_MAX = 6_144

# Managed policies per role, unless AWS raised the quota.
DOCUMENTS_MAX = 10

Values: TypeAlias = str | tuple[str, ...]
Condition: TypeAlias = Mapping[str, Mapping[str, Values]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """sid: only where an operator will ask for its purpose. all_but: the actions are those that it
    excludes."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Condition = field(default_factory=dict)
    effect: str = "Allow"
    sid: str = ""
    all_but: bool = False

    def content(self) -> dict[str, object]:
        return {
            **({"Sid": self.sid} if self.sid else {}),
            "Effect": self.effect,
            "NotAction" if self.all_but else "Action": _one_or_many(self.actions),
            "Resource": _one_or_many(self.resources),
            **({"Condition": _plain(self.condition)} if self.condition else {}),
        }


def text(statements: Iterable[Statement]) -> str:
    """The document as compact JSON."""
    content = {"Version": "2012-10-17", "Statement": [each.content() for each in statements]}
    return json.dumps(content, separators=(",", ":"))


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """Statements that differ only in their actions become one."""
    groups: dict[str, Statement] = {}
    for each in statements:
        key = json.dumps([each.resources, _plain(each.condition), each.effect, each.sid])
        before = groups.get(key)
        actions = {*each.actions, *(before.actions if before else ())}
        groups[key] = replace(each, actions=tuple(sorted(actions)))
    return list(groups.values())


def documents(statements: Iterable[Statement]) -> list[str]:
    """As few documents as can hold them."""
    packed: list[list[Statement]] = [[]]
    for each in statements:
        for part in _small_enough(each):
            if len(text([*packed[-1], part])) > DOCUMENT_MAX:
                packed.append([])
            packed[-1].append(part)
    return [text(each) for each in packed]


def assert_taken(documents: Sequence[str], holder: str) -> None:
    """Raises UsageError where IAM would refuse so many."""
    if len(documents) > DOCUMENTS_MAX:
        raise UsageError(
            "policy.too-large",
            f"the policies of {holder} need {len(documents)} documents; IAM takes {DOCUMENTS_MAX}",
            "split the installation, e.g. one per environment",
        )


def _small_enough(statement: Statement) -> Iterator[Statement]:
    """Halved until each fits: two statements with half of a list each allow what the whole one
    did."""
    halves = _halves(statement) if len(text([statement])) > DOCUMENT_MAX else ()
    if not halves:
        yield statement
    for half in halves:
        yield from _small_enough(half)


def _halves(statement: Statement) -> tuple[Statement, ...]:
    if len(statement.resources) > 1:
        middle = len(statement.resources) // 2
        parts = statement.resources[:middle], statement.resources[middle:]
        return tuple(replace(statement, resources=part) for part in parts)
    operator, key = max(
        ((operator, key) for operator, keys in statement.condition.items() for key in keys),
        key=lambda where: len(statement.condition[where[0]][where[1]]),
    )
    values = statement.condition[operator][key]
    middle = len(values) // 2
    return tuple(
        replace(
            statement,
            condition={
                **statement.condition,
                operator: {**statement.condition[operator], key: part},
            },
        )
        for part in (values[:middle], values[middle:])
    )


def _one_or_many(values: Values) -> object:
    if isinstance(values, str):
        return values
    return values[0] if len(values) == 1 else list(values)


def _plain(condition: Condition) -> dict[str, dict[str, object]]:
    return {
        operator: {key: _one_or_many(values) for key, values in keys.items()}
        for operator, keys in condition.items()
    }
