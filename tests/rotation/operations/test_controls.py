"""Each control is a number that can be counted again."""

import json

from rotation.operations.controls import CONTROLS
from tests.e2e.installation import Installation
from tests.support.aged import aws, one, run
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures


def test_each_control_has_the_command_that_counts_it_again(one: Installation) -> None:
    made = reply(one.configuration, "report")
    assert [each["id"] for each in made["controls"]] == [each.id for each in CONTROLS]
    for each in made["controls"]:
        _, *words = each["command"].split()
        again = json.loads(run(one, *words, "-o", "json", code=1 if each["failing"] else 0))
        assert {key: again[key] for key in each} == each
