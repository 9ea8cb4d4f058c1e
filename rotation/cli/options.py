"""Options that several verbs share."""

import click

here_option = click.option(
    "--here", is_flag=True, help="Do it in this process, although a `serve` is alive."
)
wait_option = click.option("--wait", is_flag=True, help="Sit out every wait, however long.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
name_argument = click.argument("name")
