"""What is said at the beginning of an installation follows the file's own rules."""

import pytest

from rotation.errors import UsageError
from rotation.operations.answers import Answers, checked, scalar, wrong


@pytest.mark.parametrize(
    ("question", "right", "not_right"),
    [
        ("account", "111122223333", "1111"),
        ("region", "eu-central-1", "Frankfurt am Main"),
        ("refresh", "5m", "soon"),
        ("consumers", "billing.api", "billing api"),
        ("class_", "production", "holiday"),
        ("owner", "team", " "),
    ],
)
def test_each_answer_has_its_rule(question: str, right: str, not_right: str) -> None:
    assert wrong(question, right) is None
    assert wrong(question, not_right)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        checked(Answers(account="1", refresh="soon", user="billing"))
    said = caught.value.message
    assert "--account" in said
    assert "--refresh" in said
    assert "--secret" in said


@pytest.mark.parametrize(
    ("text", "written"),
    [("team", "team"), ("prod/billing", "prod/billing"), ("no", '"no"'), ('a"b', '"a\\"b"')],
)
def test_it_is_written_so_that_it_is_read_back(text: str, written: str) -> None:
    assert scalar(text) == written


def test_a_secrets_name_is_made_of_its_place() -> None:
    said = Answers(account="111122223333", user="billing", secret="prod/billing")
    assert said.name == "prod-billing"
    assert Answers().name is None
