"""The questions to an operator who starts an installation; answers are checked at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rotation.errors import UsageError

REGION = "eu-west-1"
CLASS = "production"
REFRESH = "5m"
UNASKED = {"connection": "aws", "account": "111122223333", "region": REGION}

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_PLAIN = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z/][A-Za-z0-9/._-]*", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Each is what a person said; None: not said."""

    account: str | None = None
    region: str | None = None
    user: str | None = None
    secret: str | None = None
    owner: str | None = None
    consumers: tuple[str, ...] = ()
    refresh: str | None = None
    class_: str | None = None

    @property
    def name(self) -> str | None:
        """The secret's id in the file."""
        if not (self.account and self.user and self.secret):
            return None
        return _NOT_IN_A_NAME.sub("-", self.secret).strip("-_")[:63] or "secret"


@dataclass(frozen=True)
class Rule:
    """Where the file keeps such an answer, and how its rule is explained."""

    kind: str
    plugin: str
    key: str
    wanted: str


RULES: Mapping[str, Rule] = {
    "account": Rule("connections", "aws", "account", "an AWS account has 12 digits"),
    "region": Rule("connections", "aws", "region", f"a region's code, such as {REGION}"),
    "user": Rule("issuers", "aws-iam-access-key", "user", "an IAM user's name, not its ARN"),
    "secret": Rule("stores", "aws-secrets-manager", "name", "a secret's name, not its ARN"),
    "refresh": Rule("consumers", "store-reader", "refresh", "a duration, such as 5m or 1h"),
}


def wrong(question: str, answer: str) -> str | None:
    """What the answer has to be, where it is not: by the rules that read the file."""
    from rotation.config.findings import Invalid  # noqa: PLC0415 -- brings the model along
    from rotation.config.plugins import options_shape  # noqa: PLC0415

    if question == "class_":
        return _wrong_class(answer)
    if question == "consumers":
        named = _NOT_IN_A_NAME.search(answer.replace(".", "-")) is None
        return None if named and answer else "a consumer's name is made of A-Z a-z 0-9 . _ -"
    if question == "owner":
        return None if answer.strip() and answer.isprintable() else "a team or a person"
    rule = RULES[question]
    shape = options_shape(rule.kind, rule.plugin)
    beside = {key: value for key, value in UNASKED.items() if key in shape.members}
    try:
        shape.read({**beside, rule.key: answer})
    except Invalid:
        return rule.wanted
    return None


def _wrong_class(answer: str) -> str | None:
    from rotation.config.times import BUILT_IN  # noqa: PLC0415

    return None if answer in BUILT_IN else f"one of {', '.join(BUILT_IN)}"


def checked(answers: Answers) -> Answers:
    """Raises UsageError with every mistake at once."""
    found = [*_wrong_ones(answers), *_incomplete(answers)]
    if found:
        raise UsageError(
            "init.answers",
            f"{'; '.join(found)}; nothing was written",
            "correct it and run `rotation init` again",
        )
    return answers


def _wrong_ones(answers: Answers) -> Iterator[str]:
    for field in fields(answers):
        given: Any = getattr(answers, field.name)
        for answer in given if isinstance(given, tuple) else (given,):
            complaint = None if answer is None else wrong(field.name, answer)
            if complaint:
                yield f"--{field.name.removesuffix('s').removesuffix('_')}: {complaint}"


def _incomplete(answers: Answers) -> Iterator[str]:
    first = {"--account": answers.account, "--user": answers.user, "--secret": answers.secret}
    missing = [option for option, answer in first.items() if not answer]
    if (answers.user or answers.secret) and missing:
        yield f"a first secret needs {' and '.join(missing)} as well"


def scalar(text: str) -> str:
    """As it is written into the file: quoted, unless it is plainly a word or a path."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
