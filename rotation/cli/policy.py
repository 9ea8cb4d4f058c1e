"""`policy`: the permissions that a configuration needs, for whoever does not use `infra/`."""

import json

import click

from rotation.cli.app import settings, verb
from rotation.cli.options import known_connections, known_families
from rotation.cli.say import as_json, note, verbatim
from rotation.cli.session import open_session
from rotation.errors import Usage
from rotation.interfaces import PolicyDocument, Scope


@verb("policy", "policy aws", "policy vault", "policy aws --holder revoke -o json")
@click.argument("family", shell_complete=known_families)
@click.option("--connection", help="Only of this connection.", shell_complete=known_connections)
@click.option("--holder", help="Only of this permission set, or of another holder.")
def policy(family: str, connection: str | None, holder: str | None) -> None:
    """Print the permissions that the configuration needs.

    FAMILY is a type of connection: aws, vault, postgres.
    Exactly what `infra/` would declare: a document per permission set, with the names of the
    configured secrets. Reads the configuration and nothing else.
    """
    from rotation.policy import documents  # noqa: PLC0415 -- no other verb needs it

    with open_session(effectful=False) as session:
        found = [
            (scope, document)
            for scope, written in documents(session.configuration, family)
            for document in written
            if connection in (None, scope.connection) and holder in (None, document.holder)
        ]
    if not found:
        raise Usage(
            "policy.nothing",
            "the configuration needs no such policy",
            "`rotation config show` lists what is configured",
        )
    _tell(family, found)


def _tell(family: str, found: list[tuple[Scope, PolicyDocument]]) -> None:
    if settings().output == "json":
        told = [
            {
                "connection": scope.connection,
                "name": document.name,
                "holder": document.holder,
                "document": _content(document.text),
                "remark": document.remark or None,
            }
            for scope, document in found
        ]
        as_json("policy", {"family": family, "documents": told})
        return
    for scope, document in found:
        if document.remark:
            note(f"{scope.connection}, {document.name}: {document.remark}")
    texts = {f"{scope.connection}/{each.name}": _content(each.text) for scope, each in found}
    if len(texts) == 1:
        [content] = texts.values()
        verbatim(content if isinstance(content, str) else json.dumps(content, indent=2))
    elif all(isinstance(content, str) for content in texts.values()):
        for name, content in texts.items():
            note(f"# {name}")
            verbatim(str(content))
    else:
        verbatim(json.dumps(texts, indent=2))


def _content(text: str) -> object:
    """JSON as JSON, every other language as its text."""
    return json.loads(text) if text.startswith("{") else text
