"""What the policy pack says of a resource."""

from typing import Any

from pulumi_policy import PolicyResourceOptions, ResourceValidationArgs

from infra.pack.rules import RULES


def complaints(
    kind: str, properties: dict[str, Any], ignored: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """Rule -> what it says."""
    options = PolicyResourceOptions(False, list(ignored), False, [], [], None, [])
    args = ResourceValidationArgs(kind, properties, f"urn::{kind}", "it", options, None)
    found: dict[str, list[str]] = {}
    for rule in RULES:
        rule.validate(args, lambda text, *_, r=rule: found.setdefault(r.name, []).append(text))
    return found
