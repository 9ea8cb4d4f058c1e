from collections.abc import Callable
from typing import Any

import pytest

from providers.aws.testing import StrictControl
from tests.support.aws import Refused

ORGANISATIONS = "arn:aws:cloudtrail:eu-west-3:999988887777:trail/organisation"


@pytest.fixture
def trails(aws: StrictControl) -> Callable[[str], Any]:
    """Of a region, after a trail was made in this one."""

    def of(region: str) -> Any:
        return aws.client("cloudtrail", region=region)

    of(aws.region).create_trail(Name="theirs", S3BucketName="theirs", IsMultiRegionTrail=True)
    return of


@pytest.fixture
def here(aws: StrictControl, trails: Callable[[str], Any]) -> Any:
    return trails(aws.region)


def test_a_new_trail_logs_only_once_it_is_started(here: Any) -> None:
    assert here.get_trail_status(Name="theirs")["IsLogging"] is False
    here.start_logging(Name="theirs")
    assert here.get_trail_status(Name="theirs")["IsLogging"] is True
    here.stop_logging(Name="theirs")
    assert here.get_trail_status(Name="theirs")["IsLogging"] is False


def test_a_trail_logs_all_management_events_unless_told(here: Any) -> None:
    [usual] = here.get_event_selectors(TrailName="theirs")["EventSelectors"]
    assert (usual["ReadWriteType"], usual["IncludeManagementEvents"]) == ("All", True)
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}]
    here.put_event_selectors(
        TrailName="theirs", AdvancedEventSelectors=[{"Name": "data", "FieldSelectors": fields}]
    )
    reply = here.get_event_selectors(TrailName="theirs")
    assert "EventSelectors" not in reply
    assert reply["AdvancedEventSelectors"][0]["FieldSelectors"] == fields


def test_elsewhere_a_trail_is_known_by_its_arn(
    trails: Callable[[str], Any], here: Any, refused: Refused
) -> None:
    arn = here.get_trail(Name="theirs")["Trail"]["TrailARN"]
    there = trails("eu-west-1")
    assert there.get_trail(Name=arn)["Trail"]["Name"] == "theirs"
    with refused("TrailNotFoundException"):
        there.get_trail(Name="theirs")
    named = there.describe_trails(trailNameList=["theirs", "nobodys"])
    assert named["trailList"] == []
    assert [each["Name"] for each in there.describe_trails()["trailList"]] == ["theirs"]
    assert there.describe_trails(includeShadowTrails=False)["trailList"] == []


def test_a_trail_is_changed_at_home(
    trails: Callable[[str], Any], here: Any, refused: Refused
) -> None:
    arn = here.get_trail(Name="theirs")["Trail"]["TrailARN"]
    with refused("InvalidHomeRegionException"):
        trails("eu-west-1").stop_logging(Name=arn)
    with refused("InvalidParameterCombinationException"):
        here.update_trail(Name="theirs", IncludeGlobalServiceEvents=False)


def test_the_organisations_trail_is_seen_and_not_changed(
    aws: StrictControl, trails: Callable[[str], Any], refused: Refused
) -> None:
    aws.conditions.organisation_trail(ORGANISATIONS)
    at_home = trails("eu-west-3")
    [reply] = at_home.describe_trails(trailNameList=[ORGANISATIONS])["trailList"]
    assert reply["IsOrganizationTrail"]
    assert at_home.get_trail_status(Name=ORGANISATIONS)["IsLogging"]
    with refused("TrailNotFoundException"):
        at_home.get_trail_status(Name="organisation")
    with refused("NotOrganizationMasterAccountException"):
        at_home.stop_logging(Name=ORGANISATIONS)
