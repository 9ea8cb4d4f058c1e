"""Foreign operations obey the same rules and stand in the same log."""

import pytest

from providers.aws.testing import OrderRefused

SECRET = "app/db"


@pytest.mark.usefixtures("iam")
def test_a_key_by_hand(aws):
    key = aws.out_of_band.create_key("app")
    assert aws.oracle.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    aws.out_of_band.suspend_key("app", key["AccessKeyId"])
    assert not aws.oracle.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    aws.out_of_band.resume_key("app", key["AccessKeyId"])
    assert aws.oracle.live_keys("app") == [key["AccessKeyId"]]
    aws.out_of_band.delete_key("app", key["AccessKeyId"])
    assert aws.oracle.keys("app") == []
    assert {call["user_agent"] for call in aws.oracle.calls("iam:*AccessKey")} == {"human"}


@pytest.mark.usefixtures("iam")
def test_the_rules_hold_for_people_too(aws):
    aws.out_of_band.create_key("app")
    aws.out_of_band.create_key("app")
    with pytest.raises(OrderRefused, match="LimitExceeded"):
        aws.out_of_band.create_key("app")


@pytest.mark.usefixtures("sm")
def test_a_label_is_moved_from_wherever_it_is(aws):
    first = aws.out_of_band.put_secret(SECRET, "one")
    second = aws.out_of_band.put_secret(SECRET, "two")
    aws.out_of_band.move_label(SECRET, "AWSCURRENT", first)
    assert aws.oracle.labels(SECRET) == {"AWSCURRENT": first, "AWSPREVIOUS": second}
    aws.out_of_band.move_label(SECRET, "HOLD", second)
    aws.out_of_band.move_label(SECRET, "HOLD", None)
    assert "HOLD" not in aws.oracle.labels(SECRET)


def test_tags_and_deletion_by_hand(aws, sm, iam):
    aws.out_of_band.tag_secret(SECRET, {"a": "b"})
    assert sm.describe_secret(SecretId=SECRET)["Tags"] == [{"Key": "a", "Value": "b"}]
    aws.out_of_band.untag_secret(SECRET, ["a"])
    aws.out_of_band.delete_secret(SECRET)
    answer = sm.describe_secret(SecretId=SECRET)
    assert "Tags" not in answer
    assert "DeletedDate" in answer
    aws.out_of_band.restore_secret(SECRET)
    assert "DeletedDate" not in sm.describe_secret(SecretId=SECRET)
    aws.out_of_band.tag_user("app", {"a": "b"})
    assert iam.get_user(UserName="app")["User"]["Tags"] == [{"Key": "a", "Value": "b"}]
    aws.out_of_band.untag_user("app", ["a"])
    assert "Tags" not in iam.get_user(UserName="app")["User"]
