"""`version`, `completion` and `schema`."""

import difflib
import json
import platform
from importlib import metadata

import click
from click.shell_completion import get_completion_class

from rotation import __version__
from rotation.cli.app import program, settings, verb
from rotation.cli.options import known_kinds
from rotation.cli.output import as_json, result, verbatim
from rotation.errors import UnknownName
from rotation.interfaces import CONTRACT
from rotation.journal.entries import SCHEMA
from rotation.plan import PLANS

SHELLS = ("bash", "zsh", "fish", "powershell")
LIBRARIES = ("apscheduler", "boto3", "click", "cronsim", "structlog")


@verb("version", "version", "version -o json")
def version() -> None:
    """Print the versions that a bug report needs. Nothing is sent anywhere."""
    document = {
        "rotation": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "journal_schema": SCHEMA,
        "plugin_contract": CONTRACT,
        "plans": {plan.name: plan.version for plan in PLANS.values()},
        "libraries": {name: _installed(name) for name in LIBRARIES},
    }
    if settings().output == "json":
        as_json("version", document)
        return
    result(f"rotation {__version__}, Python {document['python']}, {document['system']}")
    result(f"journal schema {SCHEMA}, plugin contract {CONTRACT}")
    result(", ".join(f"{name} {_installed(name) or '-'}" for name in LIBRARIES))


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@verb(
    "completion",
    "completion bash > /etc/bash_completion.d/rotation",
    "completion zsh",
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For this session alone: `eval "$(rotation completion bash)"`.
    """
    script = get_completion_class(shell)
    assert script is not None, "each of SHELLS is one that click knows"
    verbatim(script(program, {}, "rotation", "_ROTATION_COMPLETE").source())


@verb("schema", "schema", "schema status")
@click.argument("kind", required=False, shell_complete=known_kinds)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of a kind of document; without one, list the kinds.

    `kind` in each document of `-o json` says what it is. The keys that the schema names are always
    there; a program has to ignore others, for more may come.
    """
    from rotation.cli.documents import SHAPES, schema_of  # noqa: PLC0415 -- no other verb needs it

    if kind is None and settings().output == "json":
        as_json("schemas", {"kinds": sorted(SHAPES)})
    elif kind is None:
        for each in sorted(SHAPES):
            result(each)
    elif kind in SHAPES:
        verbatim(json.dumps(schema_of(kind), indent=2))
    else:
        near = difflib.get_close_matches(kind, SHAPES, n=1)
        raise UnknownName(
            "cli.unknown-kind",
            f"there is no kind {kind}",
            f"did you mean {near[0]}?" if near else "`rotation schema` lists them",
        )
