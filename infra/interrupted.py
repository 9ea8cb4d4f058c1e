"""The way on after a `pulumi up` that was killed. What it was making just then is in Pulumi's state as
begun, made or not: the next `up` would make it once more, and be refused because the name is taken.

    pulumi stack export > killed.json
    python -m infra.interrupted < killed.json > settled.json
    pulumi stack import --file settled.json

Writes the state with those that are there and are the stack's own, and without those that are not
there. Changes nothing itself.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from infra import aws_begun, vault_begun
from infra.begun import Unsaid

FOUND = {"aws": aws_begun.found, "vault": vault_begun.found}


class Refused(Exception):
    """A sentence for a person."""


def settled(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The state as it really is. Raises Refused where something is not this stack's."""
    deployment = exported["deployment"]
    there = deployment.get("resources") or []
    operations = deployment.get("pending_operations") or []
    resources = (each["resource"] for each in operations if each["type"] == "creating")
    begun = {each["urn"]: each for each in resources}
    return {
        **exported,
        "deployment": {
            **deployment,
            "resources": [*there, *_made(begun.values(), there)],
            "pending_operations": [each for each in operations if each["type"] != "creating"],
        },
    }


def _made(
    begun: Iterable[Mapping[str, Any]], there: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What came to be after all, in a later run, is in the state already."""
    providers = {f"{each['urn']}::{each.get('id')}": each.get("inputs") for each in there}
    known = {each["urn"] for each in there}
    for each in begun:
        family = each["type"].partition(":")[0]
        if family in FOUND and each["urn"] not in known:
            yield from _looked(each, providers[each["provider"]] or {})


def _looked(begun: Mapping[str, Any], provider: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind, urn, given = begun["type"], begun["urn"], begun["inputs"]
    try:
        found = FOUND[kind.partition(":")[0]](provider, kind, given)
    except Unsaid as why:
        raise Refused(f"nobody said whether {_name(urn)} is there: {why}") from None
    if found is not None:
        if not found.ours:
            raise _of_another(found.id, urn)
        # Whatever else is known of it, the next `up` reads before it goes on.
        outputs = {**given, "id": found.id}
        yield {**begun, "id": found.id, "outputs": outputs, "refreshBeforeUpdate": True}


def _of_another(there: str, urn: str) -> Refused:
    return Refused(
        f"{there} is there, but is not marked as this stack's {_name(urn)}: somebody else made it, or "
        "the run ended before it was marked. If nobody else uses it, delete it and begin again"
    )


def _name(urn: str) -> str:
    kind, name = urn.split("::")[2:]
    return f"{kind.rpartition('$')[2]} {name}"


def main(given: TextIO = sys.stdin, report: TextIO = sys.stderr) -> int:
    exported = json.load(given)
    before = len(exported["deployment"].get("resources") or [])
    try:
        state = settled(exported)
    except Refused as refused:
        report.write(f"{refused}\nNothing was taken in, and the state is as it was.\n")
        return 1
    made = state["deployment"]["resources"][before:]
    report.writelines(f"taken in: {_name(each['urn'])}: {each['id']}\n" for each in made)
    json.dump(state, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
