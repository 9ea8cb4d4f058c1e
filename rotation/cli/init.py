"""`init`: a commented rotation.yaml, an installation id, and a journal outside of git."""

import os
import secrets
import shlex
from pathlib import Path
from typing import Any

import click

from rotation.cli.answers import CLASS, REFRESH, REGION, Answers, asked, checked, scalar
from rotation.cli.app import settings, verb
from rotation.cli.output import as_json, done, note, result
from rotation.cli.session import NAME
from rotation.errors import UsageError

HEAD = """\
# What rotates here, how often, and who uses it. There is no secret in this file.
# `rotation config check` reads it, `rotation plan` says what would happen.

# This installation's own mark on everything that it makes. Never change or copy it.
installation: "{installation}"

# The journal is the only truth about what was done. Back it up; never put it into git.
journal: {journal}
"""

CONNECTION = """
connections:
  aws:
    type: aws
    account: "{account}"        # it has to turn out to be this one
    region: {region}
"""

NO_CONNECTION = """
# connections:
#   aws:
#     type: aws
#     account: "111122223333"    # it has to turn out to be this one
#     region: eu-west-1
"""

SECRET = """
secrets:
  - id: {id}                     # its only name, for ever
    application: {id}
    environment: {environment}
    owner: {owner}
    class: {class_}            # {age}
    store: {{type: aws-secrets-manager, connection: aws, name: {store}}}
    issuer: {{type: aws-iam-access-key, connection: aws, user: {user}}}
    # The keys in your secret's JSON that hold the two parts.
    fields: {{access_key_id: AWS_ACCESS_KEY_ID, secret_access_key: AWS_SECRET_ACCESS_KEY}}
    probe: {{type: aws-sts, connection: aws}}
    # Who reads it, and how long until each reads it again. Without one no old key is ever revoked.
    consumers:{consumers}
"""

CONSUMER = "\n      - {{id: {id}, type: store-reader, refresh: {refresh}}}"
NOBODY = """ []
      # - {id: billing-api, type: store-reader, refresh: 5m}"""

EXAMPLE = Answers(
    account="111122223333", user="billing", secret="billing",
    consumers=("billing-api",),
)  # fmt: skip


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
        _only_journal(target)
        return
    answers = asked(checked(Answers(**given)))
    installation = secrets.token_hex(6)
    place = (journal or _state_directory() / installation / "journal.db").absolute()
    _write(target, _document(installation, place, answers))
    _make_journal(place, installation)
    ignored = _keep_out_of_git(place)
    _print(target, place, installation, ignored, answers.name)


def _only_journal(target: Path) -> None:
    """A lost journal is not a new one: where the world carries our marks, the first rotation
    finds versions that the new journal does not know, and is Held."""
    from rotation.config import load  # noqa: PLC0415 -- brings the model along

    configuration = load(target)
    if configuration.journal.exists():
        raise UsageError(
            "init.exists",
            f"{target} and its journal exist; nothing was written",
            "-c names another file",
        )
    _make_journal(configuration.journal, configuration.installation)
    _keep_out_of_git(configuration.journal)
    done(
        "init", f"made  {configuration.journal}", config=str(target),
        journal=str(configuration.journal), installation=configuration.installation, secret=None,
    )  # fmt: skip
    note("where this installation has rotated before, restore its journal instead of this one")


def _state_directory() -> Path:
    """Under systemd its own, else the user's."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    from platformdirs import user_state_path  # noqa: PLC0415

    return user_state_path("rotation")


def _document(installation: str, journal: Path, answers: Answers) -> str:
    text = HEAD.format(installation=installation, journal=scalar(str(journal)))
    if not answers.account:
        return text + NO_CONNECTION + _commented(_secret(EXAMPLE))
    text += CONNECTION.format(account=answers.account, region=answers.region or REGION)
    if answers.name is None:
        return text + _commented(_secret(EXAMPLE))
    return text + _secret(answers)


def _secret(answers: Answers) -> str:
    from rotation.config.rules import NOBODY_YET  # noqa: PLC0415 -- brings the model along
    from rotation.config.times import BUILT_IN, format_duration  # noqa: PLC0415

    policy = BUILT_IN[answers.class_ or CLASS]
    return SECRET.format(
        id=scalar(str(answers.name)),
        environment="development" if answers.class_ == "development" else "production",
        owner=scalar(answers.owner or NOBODY_YET),
        class_=answers.class_ or CLASS,
        age=f"replaced before it is {format_duration(policy.max_age_s or 0)} old",
        store=scalar(str(answers.secret)),
        user=scalar(str(answers.user)),
        consumers=_consumers(answers),
    )


def _consumers(answers: Answers) -> str:
    refresh = answers.refresh or REFRESH
    listed = dict.fromkeys(answers.consumers)  # once each, in their order
    return "".join(CONSUMER.format(id=scalar(n), refresh=refresh) for n in listed) or NOBODY


def _commented(text: str) -> str:
    return "".join(f"# {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    from rotation.config import ConfigInvalid, load  # noqa: PLC0415 -- brings the model along

    try:
        load(target)
    except ConfigInvalid as refused:
        target.unlink()
        raise UsageError(
            "init.refused",
            f"`rotation config check` would refuse it ({refused.message}); nothing was written",
            "-c names another file, --journal another place of the journal",
        ) from None


def _make_journal(place: Path, installation: str) -> None:
    from rotation.journal.sql import open_journal  # noqa: PLC0415 -- brings the database along

    open_journal(place, installation).close()


def _keep_out_of_git(journal: Path) -> Path | None:
    """Where the journal lies inside a work tree after all, git is made to ignore it."""
    tree = next((above for above in journal.parents if (above / ".git").exists()), None)
    if tree is None:
        return None
    ignore = journal.parent / ".gitignore"
    before = ignore.read_text() if ignore.exists() else ""
    lines = [f"/{journal.name}*", "/runners/"]
    missing = [line for line in lines if line not in before.splitlines()]
    if missing:
        ignore.write_text("\n".join([*before.splitlines(), *missing]) + "\n")
    return ignore


def _print(
    target: Path, journal: Path, installation: str, ignored: Path | None, name: str | None
) -> None:
    if settings().output == "json":
        document = {"config": str(target), "journal": str(journal), "installation": installation}
        as_json("init", {**document, "secret": name})
        return
    result(f"wrote {target}")
    result(f"made  {journal}" + (f", kept out of git by {ignored}" if ignored else ""))
    note("\nnext:")
    note(f"  export ROTATION_CONFIG={shlex.quote(str(target))}")
    called = name or "NAME"
    for step, why in (
        ("edit it", "the owner, the consumers, more secrets"),
        ("rotation config check", "every mistake at once"),
        ("rotation doctor", "can it log in, may it do what it must?"),
        (f"rotation adopt {called}", "changes nothing but the owner tag"),
        (f"rotation plan {called}", "every step of a rotation"),
        (f"rotation rotate {called}", "the first one, by hand"),
    ):
        note(f"  {step:<32} {why}")
