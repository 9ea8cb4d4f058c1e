"""What a trail that is there already leaves out, as CloudTrail tells it."""

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from providers.aws.testing.server import StrictAws
from providers.aws.trails import HEARD, Trail
from tests.support.aws_alarms import watched

HOME, ELSEWHERE = "eu-central-1", "us-east-1"
ARN = f"arn:aws:cloudtrail:{HOME}:123456789012:trail/theirs"
ORGANISATIONS = f"arn:aws:cloudtrail:{HOME}:999988887777:trail/organisation"
ALL = {"ReadWriteType": "All", "IncludeManagementEvents": True}
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}


@pytest.fixture(scope="module")
def server() -> Iterator[StrictAws]:
    with StrictAws(region=HOME) as aws:
        yield aws


@pytest.fixture
def client(server: StrictAws) -> Any:
    server.control.reset()
    return server.control.client("cloudtrail")


@pytest.fixture
def theirs(client: Any) -> Any:
    """A trail as AWS's console makes it."""
    client.create_trail(Name="theirs", S3BucketName="theirs", IsMultiRegionTrail=True)
    client.start_logging(Name="theirs")
    return client


def wrong(client: Any, arn: str = ARN, regions: Collection[str] = (HOME, ELSEWHERE)) -> list[str]:
    def ask(operation: str, **about: Any) -> Any:
        return getattr(client, operation)(**about)

    return list(Trail(arn, ask).wrong(regions))


def test_the_usual_trail_lets_every_alarm_hear(theirs: Any) -> None:
    assert wrong(theirs) == []


def test_a_trail_that_is_not_there(client: Any) -> None:
    assert wrong(client) == [f"there is no trail {ARN}: compare its name, region and account"]


def test_a_trail_that_was_stopped(theirs: Any) -> None:
    theirs.stop_logging(Name="theirs")
    assert wrong(theirs) == [f"trail {ARN} is stopped and logs nothing"]


def test_a_trail_of_one_region(theirs: Any) -> None:
    theirs.update_trail(Name="theirs", IsMultiRegionTrail=False)
    assert wrong(theirs, ARN, [HOME]) == []
    assert wrong(theirs) == [f"trail {ARN} logs {HOME} alone, and not {ELSEWHERE}"]


def test_a_trail_without_global_services(theirs: Any) -> None:
    theirs.update_trail(Name="theirs", IsMultiRegionTrail=False, IncludeGlobalServiceEvents=False)
    assert wrong(theirs, ARN, [HOME]) == [f"trail {ARN} leaves out global services, and IAM is one"]


def test_an_organisations_trail(server: StrictAws, client: Any) -> None:
    server.control.conditions.organisation_trail(ORGANISATIONS)
    assert wrong(client, ORGANISATIONS) == []
    server.control.conditions.organisation_trail(ORGANISATIONS, logging=False)
    assert wrong(client, ORGANISATIONS) == [f"trail {ORGANISATIONS} is stopped and logs nothing"]


NOTHING = [
    f"trail {ARN} leaves out read management events",
    f"trail {ARN} leaves out write management events",
]
WITHOUT_KMS = [f"{each} of kms" for each in NOTHING]


@pytest.mark.parametrize(
    ("selectors", "said"),
    [
        ([ALL], []),
        ([{**ALL, "ReadWriteType": "WriteOnly"}], NOTHING[:1]),
        ([{**ALL, "ReadWriteType": "ReadOnly"}], NOTHING[1:]),
        ([{**ALL, "ReadWriteType": each} for each in ("ReadOnly", "WriteOnly")], []),
        ([{**ALL, "IncludeManagementEvents": False}], NOTHING),
        ([{**ALL, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}], WITHOUT_KMS),
        ([{**ALL, "ExcludeManagementEventSources": ["rdsdata.amazonaws.com"]}], []),
    ],
)
def test_what_the_selectors_leave_out(
    theirs: Any, selectors: list[dict[str, Any]], said: list[str]
) -> None:
    theirs.put_event_selectors(TrailName="theirs", EventSelectors=selectors)
    assert wrong(theirs) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([[MANAGEMENT]], []),
        ([[{"Field": "eventCategory", "Equals": ["Data"]}]], NOTHING),
        ([[MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}]], NOTHING[:1]),
        (
            [[MANAGEMENT, {"Field": "readOnly", "Equals": [each]}] for each in ("true", "false")],
            [],
        ),
        ([[MANAGEMENT, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}]], WITHOUT_KMS),
        ([[MANAGEMENT, {"Field": "eventName", "StartsWith": ["Put"]}]], NOTHING),
        ([[MANAGEMENT, {"Field": "eventSource", "StartsWith": ["iam"]}]], NOTHING),
    ],
)
def test_what_advanced_selectors_leave_out(
    theirs: Any, fields: list[list[dict[str, Any]]], said: list[str]
) -> None:
    selectors = [{"FieldSelectors": each} for each in fields]
    theirs.put_event_selectors(TrailName="theirs", AdvancedEventSelectors=selectors)
    assert wrong(theirs) == said


def test_every_service_that_an_alarm_listens_to_is_asked_about() -> None:
    sources = {each for alarm in watched() for each in _sources(alarm.pattern)}
    assert sources == {*HEARD}


def _sources(pattern: Any) -> Iterator[str]:
    yield from (each.removeprefix("aws.") for each in pattern.get("source", ()))
    for way in pattern["detail"].get("$or", ()):
        yield from (each.removesuffix(".amazonaws.com") for each in way.get("eventSource", ()))
