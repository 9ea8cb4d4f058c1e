"""Who may publish to a topic: how SNS and KMS apply their policies to a service of AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

EVENTS, ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"

Document = Mapping[str, Any]


def publishes(service: str, topic: str, policy: Document, key: Document | None = None) -> bool:
    """Whether the topic accepts messages from the service in its own account. policy: the topic's.
    key: the policy of the key that encrypts it; None for a topic without encryption."""
    account = topic.split(":")[4]
    needed = [(policy, "sns:Publish", topic)]
    if key is not None:
        needed += [(key, action, "*") for action in ("kms:Decrypt", "kms:GenerateDataKey")]
    return all(_allows(service, account, *each) for each in needed)


def _allows(service: str, account: str, policy: Document, action: str, resource: str) -> bool:
    effects = {
        each["Effect"]
        for each in policy["Statement"]
        if service in _services(each["Principal"])
        and action in _listed(each["Action"])
        and resource in _listed(each["Resource"])
        and _met(service, account, each.get("Condition", {}))
    }
    return effects == {"Allow"}


def _services(principal: Any) -> list[str]:
    return _listed(principal.get("Service", [])) if isinstance(principal, dict) else []


def _met(service: str, account: str, condition: Document) -> bool:
    """EventBridge sends no context when it publishes, so it meets no condition at all."""
    sent = {} if service == EVENTS else {"aws:SourceAccount": account}
    return all(sent.get(key) in _listed(value) for key, value in _asked(condition))


def _asked(condition: Document) -> Iterator[tuple[str, Any]]:
    for operator, keys in condition.items():
        if operator != "StringEquals":
            raise NotImplementedError(operator)
        yield from keys.items()


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
