"""Asks a person at a terminal for the answers to `init` that no option gave."""

from dataclasses import replace

import click

from rotation.cli.output import is_terminal, note
from rotation.operations.answers import REFRESH, REGION, Answers, wrong


def asked(answers: Answers) -> Answers:
    """The answers, with what a person at a terminal adds."""
    if not is_terminal() or answers.account:
        return answers
    note("An empty answer leaves a commented example in its place.")
    answers = replace(answers, account=_ask("account", "AWS account (12 digits)"))
    if not answers.account:
        return answers
    answers = replace(
        answers,
        region=_ask("region", "AWS region", REGION),
        user=_ask("user", "IAM user of the first secret"),
    )
    if not answers.user:
        return answers
    return _who_uses_it(
        replace(answers, secret=_ask("secret", "name of the secret in Secrets Manager"))
    )


def _who_uses_it(answers: Answers) -> Answers:
    if not answers.secret:
        return replace(answers, user=None)
    consumers: list[str] = []
    question = "who reads it (a name; empty: nobody)"
    while consumer := _ask("consumers", question):
        consumers.append(consumer)
        question = "who else reads it (empty: nobody)"
    return replace(
        answers,
        owner=_ask("owner", "who answers for it (a team)"),
        consumers=tuple(consumers),
        refresh=_ask("refresh", "how long until they read it again", REFRESH)
        if consumers
        else None,
    )


def _ask(question: str, text: str, default: str = "") -> str | None:
    """Asks again until the answer is valid or empty."""

    def right(answer: str) -> str:
        complaint = wrong(question, answer) if answer else None
        if complaint:
            raise click.BadParameter(complaint)
        return answer

    answer: str = click.prompt(
        text, default=default, show_default=bool(default), err=True, value_proc=right
    )
    return answer or None
