"""Options that several verbs share, and the completion of a secret's name."""

import click

from rotation.cli.app import Settings


def known_names(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """The configured secrets that begin so; none where the configuration cannot be read."""
    from rotation.cli.session import configuration_path  # noqa: PLC0415 -- a shell asks, seldom
    from rotation.config import load  # noqa: PLC0415
    from rotation.errors import RotationError  # noqa: PLC0415

    chosen = context.find_object(Settings) or Settings()
    try:
        entries = load(configuration_path(chosen, effectful=False)).secrets()
    except (RotationError, OSError):
        return []
    return [entry.id for entry in entries if entry.id.startswith(begun)]


here_option = click.option(
    "--here", is_flag=True, help="Do it in this process, although a `serve` is alive."
)
wait_option = click.option("--wait", is_flag=True, help="Sit out every wait, however long.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
name_argument = click.argument("name", shell_complete=known_names)
maybe_name_argument = click.argument("name", required=False, shell_complete=known_names)
names_argument = click.argument("names", nargs=-1, required=True, shell_complete=known_names)
