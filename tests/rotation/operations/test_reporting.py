"""What the report is about: a period, and what was done in it."""

from datetime import UTC, datetime, timedelta

import time_machine

from tests.e2e.installation import Installation
from tests.support.aged import aws, one, run
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures


def test_a_rotation_changes_what_is_overdue_used_and_counted(one: Installation) -> None:
    before = reply(one.configuration, "report")
    assert not any(each["used"] for each in before["access"] if each["set"] in ("mint", "revoke"))
    run(one, "report", "--control", "cis-aws-1.14", code=1)
    run(one, "rotate", "app", "--wait")
    after = reply(one.configuration, "report")
    assert after["overdue"] == []
    used = {each["set"]: each["used"] for each in after["access"]}
    assert used["mint"] and used["promote"] and used["revoke"]
    assert not used["contain"], "there was no emergency"
    assert "app" not in run(one, "report", "--control", "cis-aws-1.14")
    opened = [each for each in after["deeds"] if each["what"] == "opened routine"]
    assert [each["secret"] for each in opened] == ["app"]


def test_what_is_done_before_the_period_is_not_told(one: Installation) -> None:
    run(one, "rotate", "app", "--wait")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=100)):
        made = reply(one.configuration, "report")
        assert made["deeds"] == []
        assert not any(each["used"] for each in made["access"])
        assert reply(one.configuration, "report", "--days", "365")["deeds"]
