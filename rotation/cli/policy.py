"""`policy`: the permissions that a configuration needs, for use without `infra/`."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from rotation.cli.app import settings, verb
from rotation.cli.options import known_connections, known_families
from rotation.cli.output import as_json, note, verbatim
from rotation.cli.session import open_session
from rotation.operations.policies import (
    Found,
    as_terraform,
    compiled,
    declared,
    narrowed,
    refuse_part,
    stacked,
)


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
        refuse_part(stack, connection, holder)
    with open_session(effectful=False) as session:
        made = [] if stack is None else stacked(session, family, stack)
        for each in made:
            for remark in each.remarks:
                note(f"{each.scope.connection}: {remark}")
        if terraform:
            verbatim(json.dumps(as_terraform(family, made), indent=2))
            return
        found = compiled(session, family) if stack is None else declared(made)
        wanted = narrowed(found, connection, holder)
    _print(family, wanted)


def _print(family: str, found: Sequence[Found]) -> None:
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
        # Separates the documents in a file too: by a comment, in HCL and in SQL.
        sign = "--" if family == "postgres" else "#"
        for name, content in contents.items():
            verbatim(f"{sign} {name}\n{content}")
    else:
        verbatim(json.dumps(contents, indent=2))
