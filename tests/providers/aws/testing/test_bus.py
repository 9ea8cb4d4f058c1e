from typing import Any

import pytest

from providers.aws.testing.bus import EVERY_EVENT, PatternRefused, assert_taken, hears


def heard(pattern: dict[str, Any], state: str = "ENABLED", **detail: Any) -> bool:
    assert_taken({"detail": pattern})
    return hears({"detail": pattern}, state, {"detail": detail})


def test_a_rule_that_is_only_enabled_hears_no_reads() -> None:
    pattern = {"eventName": ["GetSecretValue"]}
    assert not heard(pattern, eventName="GetSecretValue", readOnly=True)
    assert heard(pattern, EVERY_EVENT, eventName="GetSecretValue", readOnly=True)
    assert not heard(pattern, "DISABLED", eventName="GetSecretValue")


def test_what_is_absent_is_not_anything_but_something() -> None:
    pattern = {"who": {"arn": [{"anything-but": ["us"]}]}}
    assert heard(pattern, who={"arn": "them"})
    assert not heard(pattern, who={"arn": "us"})
    assert not heard(pattern, who=None)
    assert heard({"who": {"arn": [{"exists": False}]}}, who=None)


def test_one_value_of_an_array_is_enough() -> None:
    assert heard({"stages": [{"anything-but": ["A"]}]}, stages=["A", "B"])
    assert not heard({"stages": [{"anything-but": ["A"]}]}, stages=["A"])


def test_alternatives_add_to_the_fields_beside_them() -> None:
    pattern = {"given": {"name": ["n"], "$or": [{"a": ["1"]}, {"b": [{"wildcard": "x*z"}]}]}}
    assert heard(pattern, given={"name": "n", "b": "xyz"})
    assert not heard(pattern, given={"name": "n", "b": "xy"})
    assert not heard(pattern, given={"name": "m", "a": "1"})


@pytest.mark.parametrize(
    "pattern", [{"arn": []}, {"$or": [{"a": ["1"]}]}, {"a": ["x" * 2048]},
                {"arn": [{"anything-but": []}]}]
)  # fmt: skip
def test_patterns_that_eventbridge_refuses(pattern: dict[str, Any]) -> None:
    with pytest.raises(PatternRefused):
        heard(pattern, arn="x")
