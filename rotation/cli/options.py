"""Options that several verbs share, and the completion of names."""

from typing import TYPE_CHECKING

import click

from rotation.cli.app import Settings

if TYPE_CHECKING:
    from rotation.config import Configuration
    from rotation.plugins.registry import Declared


def known_names(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """The configured secrets whose name begins so; none where the configuration cannot be read."""
    found = configured(context)
    entries = [] if found is None else found.secrets()
    return [entry.id for entry in entries if entry.id.startswith(begun)]


def _connections(context: click.Context) -> "Declared":
    found = configured(context)
    return {} if found is None else found.connections


def configured(context: click.Context) -> "Configuration | None":
    from rotation.cli.session import configuration_path  # noqa: PLC0415 -- a shell asks, seldom
    from rotation.config import load  # noqa: PLC0415
    from rotation.errors import RotationError  # noqa: PLC0415

    chosen = context.find_object(Settings) or Settings()
    try:
        return load(configuration_path(chosen, effectful=False))
    except (RotationError, OSError):
        return None


def emergency_words(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """The names of secrets, and the other words that may follow `emergency`."""
    before = context.params.get("words") or ()
    others = [] if before else [word for word in ("cancel", "merge") if word.startswith(begun)]
    return [*known_names(context, argument, begun), *others]


def known_connections(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    return [name for name in _connections(context) if name.startswith(begun)]


def known_kinds(_context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    from rotation.cli.documents import SHAPES  # noqa: PLC0415 -- a shell asks, seldom

    return [kind for kind in SHAPES if kind.startswith(begun)]


def known_families(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    families = {plugin.type for plugin in _connections(context).values()}
    return [name for name in sorted(families) if name.startswith(begun)]


here_option = click.option(
    "--here", is_flag=True, help="Do it in this process, even if a `serve` is alive."
)
wait_option = click.option(
    "--wait",
    is_flag=True,
    help="Sit out every wait, except the pauses of a step that keeps failing.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
name_argument = click.argument("name", shell_complete=known_names)
maybe_name_argument = click.argument("name", required=False, shell_complete=known_names)
some_names_argument = click.argument("names", nargs=-1, shell_complete=known_names)
names_argument = click.argument("names", nargs=-1, required=True, shell_complete=known_names)
maybe_names_argument = click.argument("names", nargs=-1, shell_complete=known_names)
