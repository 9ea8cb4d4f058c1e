"""A trail that an organisation brings along: looked at in strict AWS before anything is declared."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest

from providers.aws.stack import HANDED_OVER
from providers.aws.testing.server import StrictAws
from providers.aws.trails import LOOKS, MENDED
from tests.infra.account import as_file
from tests.infra.keys import KEYS
from tests.infra.pack import complaints
from tests.infra.settings import ACCOUNT, AWS, IAM, secret, written
from tests.infra.stack import PREFIX, Cloud, Stack, up
from tests.infra.terraform import assert_same, printed

HOME, COPY = "eu-central-1", "eu-west-1"
OURS = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/company"
ORGANISATIONS = "arn:aws:cloudtrail:eu-west-3:999988887777:trail/organisation"
REGIONS = "eu-central-1, eu-west-1, us-east-1"


@dataclass
class Account:
    """With a trail of a team's own, and nothing of ours yet."""

    aws: StrictAws
    directory: Path

    @property
    def trails(self) -> Any:
        return self.aws.control.client("cloudtrail", region=HOME)

    def file(self, arn: str = OURS, shape: str = IAM) -> Path:
        credentials = as_file(self.directory, "credentials", KEYS)
        more = f", endpoint: {self.aws.endpoint}, credentials_file: {credentials}"
        return written(self.directory, secret(shape), more=f"{more}, alarm_trail: '{arn}'")

    def up(self, arn: str = OURS, shape: str = IAM, **settings: str) -> Stack:
        stack = up(self.file(arn, shape), {**AWS, **settings})
        assert not stack.wrong
        return stack

    def refused(self, arn: str = OURS, **settings: str) -> str:
        with pytest.raises(pulumi.RunError) as error:
            up(self.file(arn), {**AWS, **settings}, cloud := Cloud())
        assert set(cloud.made) <= {"pulumi:providers:aws"}
        return str(error.value)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with StrictAws(account=ACCOUNT, region=HOME) as aws:
        made = Account(aws, tmp_path)
        made.trails.create_trail(Name="company", S3BucketName="theirs", IsMultiRegionTrail=True)
        made.trails.start_logging(Name="company")
        yield made


def of_the_trail(stack: Stack) -> list[str]:
    kinds = ("aws:s3/", "aws:cloudtrail/")
    return [each.name for each in stack.resources if each.token.startswith(kinds)]


def test_no_trail_and_no_bucket_are_made(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)
    stack = account.up()
    assert of_the_trail(stack) == []
    assert stack.of("EventRule")
    [cost, relied] = said
    assert "trail" not in cost
    assert f"no trail and no bucket are made: {OURS} has to log" in relied
    assert f"events of {REGIONS}, and how long" in relied
    assert not [each.name for each in stack.resources if complaints(each.token, dict(each.inputs))]


def test_whoever_changes_it_is_heard(account: Account) -> None:
    rule = account.up().named("EventRule", f"main-watch-changed-{HOME}")
    assert '{"suffix": ":trail/company"}' in rule.inputs["eventPattern"]


def test_an_organisations_trail_is_looked_at_where_it_is(account: Account) -> None:
    account.aws.control.conditions.organisation_trail(ORGANISATIONS)
    assert of_the_trail(account.up(ORGANISATIONS)) == []
    calls = account.aws.control.oracle.calls("cloudtrail:Get*")
    assert {each["region"] for each in calls} == {"eu-west-3"}
    assert sorted(f"cloudtrail:{each['operation']}" for each in calls) == sorted(LOOKS[1:])


def test_a_trail_that_would_leave_alarms_deaf(account: Account) -> None:
    trails, begins = account.trails, f"connection main: trail {OURS}"
    trails.stop_logging(Name="company")
    assert f"{begins} is stopped and logs nothing; {MENDED}" in account.refused()
    trails.start_logging(Name="company")
    reads = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}
    trails.put_event_selectors(TrailName="company", EventSelectors=[reads])
    assert f"{begins} leaves out read management events; {MENDED}" in account.refused()


def test_a_trail_that_is_not_there(account: Account) -> None:
    assert (
        f"there is no trail {ORGANISATIONS}: compare its name, region and account; {MENDED}"
        in account.refused(ORGANISATIONS)
    )


def test_a_trail_of_one_region_is_enough_for_what_is_there(account: Account) -> None:
    account.trails.update_trail(Name="company", IsMultiRegionTrail=False)
    assert f"trail {OURS} logs {HOME} alone, and not {COPY}, us-east-1" in account.refused()
    here = IAM.replace(f", replicas: [{COPY}]", "")
    assert of_the_trail(account.up(shape=here, alarms="false")) == []


def test_who_may_not_look_is_told_what_it_takes(account: Account) -> None:
    account.aws.control.gate.deny("cloudtrail:GetTrailStatus")
    said = account.refused()
    assert f"AWS did not say what trail {OURS} logs: it said AccessDeniedException" in said
    assert all(each in said for each in LOOKS)


OWN = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{PREFIX}"


def test_the_stacks_own_trail_is_refused(account: Account) -> None:
    """It would delete what it relies on."""
    account.trails.create_trail(Name=PREFIX, S3BucketName="theirs", IsMultiRegionTrail=True)
    account.trails.start_logging(Name=PREFIX)
    wrong = f"connection main: alarm_trail is the trail that this stack makes, which it would delete: {HANDED_OVER}"
    assert wrong in account.refused(OWN)
    file = account.file(OWN)
    with pytest.raises(AssertionError, match="is the trail that this stack makes, which it would"):
        printed(file.parent, AWS, "--terraform")


@pytest.mark.parametrize("part", [":trail/", HOME, ACCOUNT])
def test_a_trail_that_has_a_part_of_that_name_is_another(account: Account, part: str) -> None:
    other = {":trail/": ":trail/more-", HOME: "eu-west-3", ACCOUNT: "999988887777"}[part]
    assert "is the trail that this stack makes" not in account.refused(OWN.replace(part, other))


@pytest.mark.parametrize(
    "other", ["arn:aws-cn:cloudtrail:eu-central-1", "arn:aws-us-gov:cloudtrail:us-gov-west-1"]
)
def test_a_trail_of_another_partition(account: Account, other: str) -> None:
    said = account.refused(f"{other}:{ACCOUNT}:trail/company")
    assert "connection main: alarm_trail is of another partition" in said


def test_a_pattern_that_eventbridge_would_not_take(account: Account) -> None:
    """Names that are each as long as they may be."""
    topics = [f"arn:aws:sns:{each}:{ACCOUNT}:{'p' * 256}" for each in REGIONS.split(", ")]
    file = account.file(OURS.replace("company", "t" * 128))
    text = file.read_text().replace(", alarm_trail:", f", alarm_topics: {topics}, alarm_trail:")
    file.write_text(text)
    with pytest.raises(pulumi.RunError, match="alarm watch-changed needs a pattern of more than"):
        up(file, AWS, cloud := Cloud())
    assert set(cloud.made) <= {"pulumi:providers:aws"}


def test_its_own_trail_handed_over(account: Account) -> None:
    account.trails.create_trail(Name=PREFIX, S3BucketName="theirs", IsMultiRegionTrail=True)
    assert "is stopped and logs nothing" in account.refused(OWN, trail="false")
    account.trails.start_logging(Name=PREFIX)
    assert of_the_trail(account.up(OWN, trail="false")) == []


def test_no_bucket_is_named_for_a_trail_that_is_not_made(account: Account) -> None:
    said = account.refused(trailBucket="theirs")
    assert "rotation:trailBucket is the name of the bucket" in said


def test_without_a_trail_in_the_settings_the_one_that_is_named_is_looked_at(
    account: Account,
) -> None:
    assert of_the_trail(account.up(trail="false")) == []
    account.trails.stop_logging(Name="company")
    assert "is stopped and logs nothing" in account.refused(trail="false")


def test_terraform_is_told_the_same(account: Account) -> None:
    file = account.file()
    assert_same(file, AWS, "aws")
    reply = json.loads(printed(file.parent, AWS, "--terraform"))["resource"]
    assert not [each for each in reply if each.startswith(("aws_s3", "aws_cloudtrail"))]
    kinds = {
        each["kind"] for each in json.loads(printed(file.parent, AWS, "-o", "json"))["documents"]
    }
    assert "bucket policy" not in kinds
