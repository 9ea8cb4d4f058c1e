"""What a stack costs per month by AWS's list prices, without calls, storage, taxes and
discounts."""

from collections.abc import Iterable

from rotation.permissions.resources import Resource

LISTED = "us-east-1, 2025"

# In US cents. A copy of a secret in another region costs as much as the secret.
MONTHLY_CENTS = {
    "aws_kms_key": 100,
    "aws_kms_replica_key": 100,
    "aws_secretsmanager_secret": 40,
    "aws_cloudwatch_metric_alarm": 10,
}

NAMES = {
    "aws_kms_key": "keys",
    "aws_kms_replica_key": "copies of keys",
    "aws_secretsmanager_secret": "secrets and their copies",
    "aws_cloudwatch_metric_alarm": "alarms",
}


def monthly(resources: Iterable[Resource]) -> str:
    """The cost as one sentence."""
    counted = dict.fromkeys(MONTHLY_CENTS, 0)
    trail = False
    for each in resources:
        trail |= each.type == "aws_cloudtrail"
        if each.type in counted:
            counted[each.type] += 1 + len(each.inputs.get("replica", ()))
    cents = sum(MONTHLY_CENTS[kind] * number for kind, number in counted.items())
    parts = ", ".join(
        f"{number} {NAMES[kind]} at ${MONTHLY_CENTS[kind] / 100:.2f}"
        for kind, number in counted.items()
        if number
    )
    total = f"about ${cents / 100:,.2f} a month by list prices ({LISTED}): {parts}"
    more = "; each key may cost $2.00 more once it was rotated twice"
    return f"{total}{more if counted['aws_kms_key'] else ''}{_TRAIL if trail else ''}"


_TRAIL = "; a trail beside another one $2.00 for each 100,000 events, and its bucket what it holds"
