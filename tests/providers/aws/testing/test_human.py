"""Foreign deeds obey the same rules and stand in the same log."""

import pytest

from providers.aws.testing import OrderRefused

SECRET = "app/db"


@pytest.mark.usefixtures("iam")
def test_a_key_by_hand(aws):
    key = aws.human.create_key("app")
    assert aws.truth.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    aws.human.suspend_key("app", key["AccessKeyId"])
    assert not aws.truth.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    aws.human.resume_key("app", key["AccessKeyId"])
    assert aws.truth.live_keys("app") == [key["AccessKeyId"]]
    aws.human.delete_key("app", key["AccessKeyId"])
    assert aws.truth.keys("app") == []
    assert {call["user_agent"] for call in aws.truth.calls("iam:*AccessKey")} == {"human"}


@pytest.mark.usefixtures("iam")
def test_the_rules_hold_for_people_too(aws):
    aws.human.create_key("app")
    aws.human.create_key("app")
    with pytest.raises(OrderRefused, match="LimitExceeded"):
        aws.human.create_key("app")


@pytest.mark.usefixtures("sm")
def test_a_label_is_moved_from_wherever_it_is(aws):
    first = aws.human.put_secret(SECRET, "one")
    second = aws.human.put_secret(SECRET, "two")
    aws.human.move_label(SECRET, "AWSCURRENT", first)
    assert aws.truth.labels(SECRET) == {"AWSCURRENT": first, "AWSPREVIOUS": second}
    aws.human.move_label(SECRET, "HOLD", second)
    aws.human.move_label(SECRET, "HOLD", None)
    assert "HOLD" not in aws.truth.labels(SECRET)


def test_tags_and_deletion_by_hand(aws, sm, iam):
    aws.human.tag_secret(SECRET, {"a": "b"})
    assert sm.describe_secret(SecretId=SECRET)["Tags"] == [{"Key": "a", "Value": "b"}]
    aws.human.untag_secret(SECRET, ["a"])
    aws.human.delete_secret(SECRET)
    answer = sm.describe_secret(SecretId=SECRET)
    assert "Tags" not in answer
    assert "DeletedDate" in answer
    aws.human.restore_secret(SECRET)
    assert "DeletedDate" not in sm.describe_secret(SecretId=SECRET)
    aws.human.tag_user("app", {"a": "b"})
    assert iam.get_user(UserName="app")["User"]["Tags"] == [{"Key": "a", "Value": "b"}]
    aws.human.untag_user("app", ["a"])
    assert "Tags" not in iam.get_user(UserName="app")["User"]
