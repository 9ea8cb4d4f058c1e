"""The permissions that a configuration needs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rotation.errors import UsageError
from rotation.operations.installation import Installation
from rotation.permissions.resources import Document, Made

Found = tuple[str, Document]
"""With its connection."""


def refuse_part(stack: Path | None, connection: str | None, holder: str | None) -> None:
    """Terraform destroys what it is no longer given."""
    if stack is None or connection or holder:
        raise UsageError(
            "policy.terraform",
            "--terraform prints a whole stack; nothing was printed",
            "give --stack FILE with it, and neither --connection nor --holder",
        )


def compiled(here: Installation, family: str) -> Iterator[Found]:
    """Of the permission sets alone; nobody said who is who."""
    from rotation.permissions import documents  # noqa: PLC0415 -- no other operation needs it

    for scope, written in documents(here.configuration, family):
        for each in written:
            content = json.loads(each.text) if each.text.startswith("{") else each.text
            yield (
                scope.connection,
                Document(
                    name=each.name,
                    kind="policy",
                    holder=each.holder,
                    content=content,
                    remark=each.remark,
                ),
            )


def stacked(here: Installation, family: str, stack: Path) -> list[Made]:
    """All of it, by the file that says who is who. Its remarks are for a person to know before."""
    from rotation.permissions.stack import made  # noqa: PLC0415

    return list(made(here.unbound, family, stack))


def declared(made: Iterable[Made]) -> Iterator[Found]:
    for each in made:
        yield from ((each.scope.connection, document) for document in each.documents)


def as_terraform(family: str, made: Sequence[Made]) -> dict[str, object]:
    from rotation.permissions.stack import stacked_of  # noqa: PLC0415
    from rotation.permissions.terraform import configuration  # noqa: PLC0415

    return configuration(family, stacked_of(family), made)


def narrowed(found: Iterable[Found], connection: str | None, holder: str | None) -> Sequence[Found]:
    """To that connection, and to that holder. Never nothing."""
    left = [
        (name, document)
        for name, document in found
        if connection in (None, name) and holder in (None, document.holder)
    ]
    if not left:
        raise UsageError(
            "policy.nothing",
            "the configuration needs no such policy",
            "`rotation config show` lists what is configured",
        )
    return left
