"""What is listed of each secret."""

from tests.e2e.installation import Installation
from tests.support.aged import aws, one
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures


def test_the_inventory_says_whose_it_is_what_it_is_and_how_old(one: Installation) -> None:
    made = reply(one.configuration, "report")
    (line,) = made["secrets"]
    assert (line["secret"], line["owner"], line["application"]) == ("app", "team", "app")
    assert line["scope"] == f"aws-iam/123456789012/{one.user}"
    assert line["current"] == one.current()["id"]
    assert line["consumers"] == ["reader"]
    assert line["states"][0] == "past-max-age"
    assert made["overdue"] == ["app"]
