"""The calls that a rotation's steps make: the same grants from which policies are compiled."""

from collections.abc import Collection, Iterator
from itertools import groupby

from rotation.operations.planning import Calls
from rotation.types import PermissionSet

# Each with its family.


def called_by(calls: Calls, sets: Collection[PermissionSet]) -> list[dict[str, str]]:
    return [
        {"set": call.under, "service": family, "action": call.call, "resource": call.on}
        for family, call in calls
        if call.under in sets
    ]


def call_lines(calls: Calls, sets: Collection[PermissionSet]) -> Iterator[str]:
    """Grouped by what they are made on and by the set that makes them."""
    mine = [call for _, call in calls if call.under in sets]
    if not mine:
        return
    yield "calls, each under its permission set"
    for resource, there in groupby(mine, lambda call: call.on):
        yield f"  {resource}"
        for under, made in groupby(there, lambda call: call.under):
            yield f"    {under:<8} {', '.join(call.call for call in made)}"
    yield ""
