"""`version` and `completion`."""

import platform
from importlib import metadata

import click
from click.shell_completion import get_completion_class

from rotation import __version__
from rotation.cli.app import program, settings, verb
from rotation.cli.say import as_json, result
from rotation.entries import SCHEMA
from rotation.interfaces import CONTRACT
from rotation.plan import PLANS

SHELLS = ("bash", "zsh", "fish", "powershell")
LIBRARIES = ("apscheduler", "boto3", "click", "cronsim", "sqlalchemy", "structlog")


@verb("version", "version", "version -o json")
def version() -> None:
    """Print the versions that a bug report needs. Nothing is sent anywhere."""
    told = {
        "rotation": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "journal_schema": SCHEMA,
        "plugin_contract": CONTRACT,
        "plans": {plan.name: plan.version for plan in PLANS.values()},
        "libraries": {name: _installed(name) for name in LIBRARIES},
    }
    if settings().output == "json":
        as_json("version", told)
        return
    result(f"rotation {__version__}, Python {told['python']}, {told['system']}")
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
    result(script(program, {}, "rotation", "_ROTATION_COMPLETE").source())
