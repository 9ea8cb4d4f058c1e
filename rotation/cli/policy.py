"""`policy`: the permissions that a configuration needs, for use without `infra/`."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from rotation.cli.app import settings, verb
from rotation.cli.options import known_connections, known_families
from rotation.cli.output import as_json, note, verbatim
from rotation.cli.session import Session, open_session
from rotation.errors import UsageError
from rotation.permissions.resources import Document, Made

Found = tuple[str, Document]
"""With its connection."""


@verb("policy", "policy aws", "policy vault", "policy aws --holder revoke -o json",
      "policy aws --stack stack.yaml --terraform")  # fmt: skip
@click.argument("family", shell_complete=known_families)
@click.option("--connection", help="Only of this connection.", shell_complete=known_connections)
@click.option("--holder", help="Only of this permission set, or of another holder.")
@click.option(
    "--stack",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML that says who is who: also trust, resource policies, rules and topics.",
)
@click.option("--terraform", is_flag=True, help="With --stack: all of it as Terraform JSON.")
def policy(
    family: str,
    connection: str | None,
    holder: str | None,
    stack: Path | None,
    terraform: bool,  # noqa: FBT001 -- click gives it by name
) -> None:
    """Print the permissions that the configuration needs.

    FAMILY is a type of connection: aws, http, postgres, vault.
    Exactly what `infra/` would declare: a document per permission set, with the names of the
    configured secrets. Reads the configuration and the file of --stack, and nothing else.
    """
    if terraform:
        _assert_whole(stack, connection, holder)
    with open_session(effectful=False) as session:
        if terraform and stack is not None:
            verbatim(json.dumps(_terraform(session, family, stack), indent=2))
            return
        written = _policies(session, family) if stack is None else _all(session, family, stack)
        found = [
            (name, document)
            for name, document in written
            if connection in (None, name) and holder in (None, document.holder)
        ]
    if not found:
        raise UsageError(
            "policy.nothing",
            "the configuration needs no such policy",
            "`rotation config show` lists what is configured",
        )
    _print(family, found)


def _assert_whole(stack: Path | None, connection: str | None, holder: str | None) -> None:
    if stack is None or connection or holder:
        raise UsageError(
            "policy.terraform",
            "--terraform prints a whole stack; nothing was printed",
            "give --stack FILE with it, and neither --connection nor --holder",
        )


def _policies(session: Session, family: str) -> Iterator[Found]:
    from rotation.permissions import documents  # noqa: PLC0415 -- no other verb needs it

    for scope, written in documents(session.configuration, family):
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


def _all(session: Session, family: str, stack: Path) -> Iterator[Found]:
    for each in _made(session, family, stack):
        yield from ((each.scope.connection, document) for document in each.documents)


def _made(session: Session, family: str, stack: Path) -> list[Made]:
    """Says before it is made what a person has to know of it."""
    from rotation.permissions.stack import made  # noqa: PLC0415

    found = made(session.unbound, family, stack)
    for each in found:
        for remark in each.remarks:
            note(f"{each.scope.connection}: {remark}")
    return found


def _terraform(session: Session, family: str, stack: Path) -> dict[str, object]:
    from rotation.permissions.stack import stacked_of  # noqa: PLC0415
    from rotation.permissions.terraform import configuration  # noqa: PLC0415

    return configuration(family, stacked_of(family), _made(session, family, stack))


def _print(family: str, found: list[Found]) -> None:
    if settings().output == "json":
        documents = [
            {
                "connection": connection,
                "name": document.name,
                "kind": document.kind,
                "holder": document.holder,
                "document": document.content,
                "remark": document.remark or None,
            }
            for connection, document in found
        ]
        as_json("policy", {"family": family, "documents": documents})
        return
    for connection, document in found:
        if document.remark:
            note(f"{connection}, {document.name}: {document.remark}")
    contents = {f"{connection}/{each.name}": each.content for connection, each in found}
    if len(contents) == 1:
        [content] = contents.values()
        verbatim(content if isinstance(content, str) else json.dumps(content, indent=2))
    elif all(isinstance(content, str) for content in contents.values()):
        # In the file too, or nobody could tell where one ends: a comment in HCL, and in SQL.
        sign = "--" if family == "postgres" else "#"
        for name, content in contents.items():
            verbatim(f"{sign} {name}\n{content}")
    else:
        verbatim(json.dumps(contents, indent=2))
