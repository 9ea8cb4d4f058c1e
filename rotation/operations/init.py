"""An installation begins: a commented rotation.yaml, an id, and a journal outside of git."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rotation.errors import UsageError
from rotation.operations.answers import CLASS, REFRESH, REGION, Answers, scalar

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

UNATTENDED = """
# Nobody would hear yet when something needs somebody, or when the runner is gone; this accepts it.
# Take it out once `alerts:` and `heartbeat:` are here: docs/alerts.md, docs/watching.md.
classes:
  production: {unattended: accepted}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new installation."""

    configuration: Path
    journal: Path
    installation: str
    ignored: Path | None  # the file that keeps a journal in a work tree out of git
    name: str | None = None  # the first secret; None where it is in the file as a comment only


def create(target: Path, journal: Path | None, answers: Answers) -> Created:
    """Writes a commented configuration and makes its journal. Nothing is overwritten."""
    installation = secrets.token_hex(6)
    place = (journal or state_directory() / installation / "journal.db").absolute()
    _write(target, document(installation, place, answers))
    ignored = _make_journal(place, installation)
    return Created(
        configuration=target, journal=place, installation=installation, ignored=ignored,
        name=answers.name,
    )  # fmt: skip


def create_journal(target: Path) -> Created:
    """Makes the journal that the file names. It cannot hide that an older one was lost: where stores
    carry our marks, the first rotation finds versions that the new journal does not know, and is
    Held."""
    from rotation.config import load  # noqa: PLC0415 -- brings the model along

    configuration = load(target)
    if configuration.journal.exists():
        raise UsageError(
            "init.exists",
            f"{target} and its journal exist; nothing was written",
            "-c names another file",
        )
    ignored = _make_journal(configuration.journal, configuration.installation)
    return Created(
        configuration=target, journal=configuration.journal,
        installation=configuration.installation, ignored=ignored,
    )  # fmt: skip


def state_directory() -> Path:
    """Under systemd its own, else the user's."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    from platformdirs import user_state_path  # noqa: PLC0415

    return user_state_path("rotation")


def document(installation: str, journal: Path, answers: Answers) -> str:
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

    policy, class_ = BUILT_IN[answers.class_ or CLASS], answers.class_ or CLASS
    accepted = UNATTENDED if class_ == "production" else ""
    return accepted + SECRET.format(
        id=scalar(str(answers.name)),
        environment="development" if class_ == "development" else "production",
        owner=scalar(answers.owner or NOBODY_YET),
        class_=class_,
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
            "-c names another file, --journal another place for the journal",
        ) from None


def _make_journal(place: Path, installation: str) -> Path | None:
    """Returns what keeps it out of git."""
    from rotation.journal.sql import open_journal  # noqa: PLC0415 -- brings the database along

    open_journal(place, installation).close()
    return _keep_out_of_git(place)


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
