"""`init`: a commented rotation.yaml, an installation id, and a journal outside of git."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import click

from rotation.cli.app import settings, verb
from rotation.cli.say import as_json, is_terminal, note, result
from rotation.cli.session import NAME
from rotation.errors import Usage

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
    environment: production
    owner: {owner}
    class: production            # replaced before it is 90 days old
    store: {{type: aws-secrets-manager, connection: aws, name: {store}}}
    issuer: {{type: aws-iam-access-key, connection: aws, user: {user}}}
    fields: {{access_key_id: AWS_ACCESS_KEY_ID, secret_access_key: AWS_SECRET_ACCESS_KEY}}
    probe: {{type: aws-sts, connection: aws}}
    consumers:
      # Who reads it, and how long until it reads again. Without this nothing is ever revoked.
      - {{id: {id}, type: store-reader, refresh: {refresh}}}
"""

EXAMPLE = {"id": "billing", "store": "prod/billing/aws", "user": "billing", "refresh": "5m"}


@dataclass(frozen=True, kw_only=True)
class Answers:
    account: str | None
    region: str | None
    user: str | None
    store: str | None
    refresh: str


@verb(
    "init",
    "init",
    "-c /etc/rotation/rotation.yaml init --journal /var/lib/rotation/journal.db",
    "init --account 111122223333 --region eu-west-1 --user billing --secret prod/billing/aws",
)
@click.option("--journal", type=click.Path(path_type=Path), help="Where the journal goes.")
@click.option("--account", help="The AWS account's number.")
@click.option("--region", help="The AWS region of the secrets.")
@click.option("--user", help="The IAM user of the first secret.")
@click.option("--secret", help="The name of the first secret in Secrets Manager.")
@click.option("--refresh", default="5m", show_default=True, help="How soon its reader reads again.")
def init(journal: Path | None, account: str | None, region: str | None, user: str | None,
         secret: str | None, refresh: str) -> None:  # fmt: skip
    """Write a commented rotation.yaml and make the journal.

    Asks on a terminal; elsewhere it takes what the options say and leaves the rest as comments.
    A file that is there already is left as it is; only the journal that it names is made.
    """
    target = (settings().config or Path(NAME)).absolute()
    if target.exists():
        _only_journal(target)
        return
    answers = Answers(account=account, region=region, user=user, store=secret, refresh=refresh)
    installation = secrets.token_hex(6)
    place = (journal or _state_directory() / installation / "journal.db").absolute()
    _write(target, _document(installation, place, _asked(answers)))
    _make_journal(place, installation)
    ignored = _keep_out_of_git(place)
    _tell(target, place, installation, ignored)


def _only_journal(target: Path) -> None:
    """A lost journal is not a new one: where the world carries our marks, the first rotation
    finds versions that the new journal does not know, and is Held."""
    from rotation.config import load  # noqa: PLC0415 -- brings the model along

    configuration = load(target)
    if configuration.journal.exists():
        raise Usage(
            "init.exists",
            f"{target} and its journal exist; nothing was written",
            "-c names another file",
        )
    _make_journal(configuration.journal, configuration.installation)
    _keep_out_of_git(configuration.journal)
    result(f"made  {configuration.journal}")
    note("where this installation has rotated before, restore its journal instead of this one")


def _state_directory() -> Path:
    """Under systemd its own, else the user's."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    from platformdirs import user_state_path  # noqa: PLC0415

    return user_state_path("rotation")


def _asked(answers: Answers) -> Answers:
    if not is_terminal() or answers.account:
        return answers
    note("An empty answer leaves a commented example in its place.")
    account = _ask("AWS account (12 digits)")
    if not account:
        return answers
    return Answers(
        account=account,
        region=_ask("AWS region", "eu-west-1"),
        user=_ask("IAM user of the first secret"),
        store=_ask("name of the secret in Secrets Manager"),
        refresh=_ask("its reader reads it again within", "5m") or "5m",
    )


def _ask(question: str, default: str = "") -> str | None:
    return click.prompt(question, default=default, show_default=bool(default), err=True) or None


def _document(installation: str, journal: Path, answers: Answers) -> str:
    text = HEAD.format(installation=installation, journal=journal)
    if not answers.account:
        return text + NO_CONNECTION + _commented(_secret(EXAMPLE))
    text += CONNECTION.format(account=answers.account, region=answers.region or "eu-west-1")
    if not answers.user or not answers.store:
        return text + _commented(_secret(EXAMPLE))
    name = answers.store.replace("/", "-")
    return text + _secret(
        {"id": name, "store": answers.store, "user": answers.user, "refresh": answers.refresh}
    )


def _secret(words: dict[str, str]) -> str:
    return SECRET.format(owner="nobody-yet", **words)


def _commented(text: str) -> str:
    return "".join(f"# {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def _make_journal(place: Path, installation: str) -> None:
    from rotation.journal.sql import open_journal  # noqa: PLC0415 -- brings the database along

    open_journal(place, installation).close()


def _keep_out_of_git(journal: Path) -> Path | None:
    """Where the journal lies inside a work tree after all, git is told to leave it alone."""
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


def _tell(target: Path, journal: Path, installation: str, ignored: Path | None) -> None:
    if settings().output == "json":
        as_json(
            "init", {"config": str(target), "journal": str(journal), "installation": installation}
        )
        return
    result(f"wrote {target}")
    result(f"made  {journal}" + (f", kept out of git by {ignored}" if ignored else ""))
    note("\nnext:")
    for step, why in (
        (f"export ROTATION_CONFIG={target}", ""),
        ("edit it", "name the owner, the consumers, further secrets"),
        ("rotation config check", "every mistake at once"),
        ("rotation doctor", "can it log in, may it do what it must?"),
        ("rotation adopt NAME", "write down the credential that is there; changes nothing"),
        ("rotation plan NAME", "every step that a rotation would take"),
        ("rotation rotate NAME", "the first one, by hand"),
    ):
        note(f"  {step:<32} {why}".rstrip())
