"""`init`: a commented rotation.yaml, an installation id, and a journal outside of git."""

import shlex
from pathlib import Path
from typing import Any

import click

from rotation.cli.answers import asked
from rotation.cli.app import settings, verb
from rotation.cli.output import as_json, done, note, result
from rotation.cli.session import NAME
from rotation.operations.answers import CLASS, REFRESH, REGION, Answers, checked
from rotation.operations.init import Created, create, create_journal


@verb(
    "init",
    "init",
    "-c /etc/rotation/rotation.yaml init --journal /var/lib/rotation/journal.db",
    "init --account 111122223333 --region eu-west-1 --user billing --secret prod/billing/aws",
)
@click.option("--journal", type=click.Path(path_type=Path), help="Where the journal goes.")
@click.option("--account", help="The AWS account's number.")
@click.option("--region", help=f"The AWS region of the secrets.  [default: {REGION}]")
@click.option("--user", help="The IAM user of the first secret.")
@click.option("--secret", help="The name of the first secret in Secrets Manager.")
@click.option("--owner", help="Who answers for it: a team.")
@click.option("--consumer", "consumers", multiple=True, help="Who reads it; may be repeated.")
@click.option("--refresh", help=f"How long until they read it again.  [default: {REFRESH}]")
@click.option(
    "--class", "class_", help=f"Its policy class; trial waits minutes.  [default: {CLASS}]"
)
def init(journal: Path | None, **given: Any) -> None:
    """Write a commented rotation.yaml and make the journal.

    Asks on a terminal; elsewhere it takes what the options say and leaves the rest as comments.
    A file that is there already is left as it is; only the journal that it names is made.
    """
    target = Path(settings().config or NAME).absolute()
    if target.exists():
        _print_journal(create_journal(target))
    else:
        _print_created(create(target, journal, asked(checked(Answers(**given)))))


def _print_journal(made: Created) -> None:
    done(
        "init", f"made  {made.journal}", config=str(made.configuration),
        journal=str(made.journal), installation=made.installation, secret=None,
    )  # fmt: skip
    note("where this installation has rotated before, restore its journal instead of this one")


def _print_created(made: Created) -> None:
    target, journal, ignored = made.configuration, made.journal, made.ignored
    if settings().output == "json":
        document = {
            "config": str(target),
            "journal": str(journal),
            "installation": made.installation,
        }
        as_json("init", {**document, "secret": made.name})
        return
    result(f"wrote {target}")
    result(f"made  {journal}" + (f", kept out of git by {ignored}" if ignored else ""))
    note("\nnext:")
    note(f"  export ROTATION_CONFIG={shlex.quote(str(target))}")
    called = made.name or "NAME"
    for step, why in (
        ("edit it", "the owner, the consumers, more secrets"),
        ("rotation config check", "every mistake at once"),
        ("rotation doctor", "can it log in, may it do what it must?"),
        (f"rotation adopt {called}", "changes nothing but the owner tag"),
        (f"rotation plan {called}", "every step of a rotation"),
        (f"rotation rotate {called}", "the first one, by hand"),
    ):
        note(f"  {step:<32} {why}")
