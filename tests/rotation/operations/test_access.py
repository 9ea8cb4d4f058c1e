"""Who may do what, and whether they did."""

from tests.e2e.installation import Installation
from tests.support.aged import aws, one
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures


def test_the_roles_are_asked_only_where_that_is_wanted(one: Installation) -> None:
    calls = one.aws.oracle.called()
    assert reply(one.configuration, "report")["as_found"] is None
    assert one.aws.oracle.called() == calls
    assert reply(one.configuration, "report", "--ask")["as_found"] == [], "it has no roles"
