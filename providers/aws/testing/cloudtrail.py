"""CloudTrail: trails, what each of them logs, and who may change it. No event is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.aws.testing.refusals import Refusal
from providers.aws.testing.state import Call, Operation, Operations, State
from providers.aws.testing.trails import StoredTrail
from providers.aws.testing.wire import Result

_SETTINGS = {
    "S3BucketName": "bucket",
    "IsMultiRegionTrail": "multi_region",
    "IncludeGlobalServiceEvents": "global_services",
    "EnableLogFileValidation": "validated",
}
_OPTIONAL = " ".join(_SETTINGS.keys() - {"S3BucketName"})


class CloudTrail:
    """The operations on trails."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "CreateTrail": Operation(
                self._create_trail, "Name S3BucketName", f"{_OPTIONAL} TagsList"
            ),
            "UpdateTrail": Operation(self._update_trail, "Name", f"{_OPTIONAL} S3BucketName"),
            "DeleteTrail": Operation(self._delete_trail, "Name"),
            "StartLogging": Operation(self._logs(going_on=True), "Name"),
            "StopLogging": Operation(self._logs(going_on=False), "Name"),
            "PutEventSelectors": Operation(
                self._put_event_selectors, "TrailName", "EventSelectors AdvancedEventSelectors"
            ),
            "GetTrail": Operation(self._get_trail, "Name"),
            "DescribeTrails": Operation(
                self._describe_trails, optional="trailNameList includeShadowTrails"
            ),
            "GetTrailStatus": Operation(self._get_trail_status, "Name"),
            "GetEventSelectors": Operation(self._get_event_selectors, "TrailName"),
            "ListTrails": Operation(self._list_trails, optional="NextToken"),
            "ListTags": Operation(self._list_tags, "ResourceIdList", "NextToken"),
        }

    def _create_trail(self, call: Call) -> Result:
        name = call.parameters["Name"]
        arn = f"arn:aws:cloudtrail:{call.region}:{self._state.account}:trail/{name}"
        if arn in self._state.trails:
            raise Refusal("TrailAlreadyExistsException", f"Trail {name} already exists.")
        tags = {each["Key"]: each["Value"] for each in call.parameters.get("TagsList", [])}
        trail = StoredTrail(arn=arn, tags=tags)
        _set(trail, call)
        self._state.trails[arn] = trail
        return trail.description

    def _update_trail(self, call: Call) -> Result:
        trail = self._own(call, "Name")
        _set(trail, call)
        return trail.description

    def _delete_trail(self, call: Call) -> Result:
        del self._state.trails[self._own(call, "Name").arn]
        return {}

    def _logs(self, *, going_on: bool) -> Callable[[Call], Result]:
        def answer(call: Call) -> Result:
            self._own(call, "Name").logging = going_on
            return {}

        return answer

    def _put_event_selectors(self, call: Call) -> Result:
        trail = self._own(call, "TrailName")
        trail.selectors = call.parameters.get("EventSelectors", [])
        trail.advanced = call.parameters.get("AdvancedEventSelectors", [])
        return self._selectors(trail)

    def _get_trail(self, call: Call) -> Result:
        return {"Trail": self._named(call, "Name").description}

    def _describe_trails(self, call: Call) -> Result:
        """Unknown names are left out, and no error."""
        names = call.parameters.get("trailNameList", [])
        shadows = call.parameters.get("includeShadowTrails", True)
        return {
            "trailList": [
                each.description
                for each in self._state.trails.values()
                if (shadows or self._is_own(each, call))
                and (self._is_meant(each, call, names) if names else self._is_here(each, call))
            ]
        }

    def _get_trail_status(self, call: Call) -> Result:
        return {"IsLogging": self._named(call, "Name").logging}

    def _get_event_selectors(self, call: Call) -> Result:
        return self._selectors(self._named(call, "TrailName"))

    def _list_trails(self, _: Call) -> Result:
        return {
            "Trails": [
                {"TrailARN": each.arn, "Name": each.name, "HomeRegion": each.home}
                for each in self._state.trails.values()
            ]
        }

    def _list_tags(self, call: Call) -> Result:
        return {
            "ResourceTagList": [
                {"ResourceId": arn, "TagsList": _pairs(self._state.trails[arn].tags)}
                for arn in call.parameters["ResourceIdList"]
            ]
        }

    def _selectors(self, trail: StoredTrail) -> Result:
        given = {"EventSelectors": trail.selectors, "AdvancedEventSelectors": trail.advanced}
        return {"TrailARN": trail.arn, **{name: each for name, each in given.items() if each}}

    def _named(self, call: Call, parameter: str) -> StoredTrail:
        wanted = [call.parameters[parameter]]
        for trail in self._state.trails.values():
            if self._is_meant(trail, call, wanted):
                return trail
        raise Refusal("TrailNotFoundException", f"Unknown trail: {wanted[0]}")

    def _own(self, call: Call, parameter: str) -> StoredTrail:
        trail = self._named(call, parameter)
        if trail.of_organisation:
            raise Refusal("NotOrganizationMasterAccountException", "Not the management account.")
        if trail.home != call.region:
            raise Refusal("InvalidHomeRegionException", f"The trail's home is {trail.home}.")
        return trail

    def _is_own(self, trail: StoredTrail, call: Call) -> bool:
        return trail.home == call.region and not trail.of_organisation

    def _is_here(self, trail: StoredTrail, call: Call) -> bool:
        return trail.home == call.region or trail.multi_region

    def _is_meant(self, trail: StoredTrail, call: Call, names: list[str]) -> bool:
        return trail.arn in names or (self._is_own(trail, call) and trail.name in names)


def _set(trail: StoredTrail, call: Call) -> None:
    for parameter, name in _SETTINGS.items():
        if parameter in call.parameters:
            setattr(trail, name, call.parameters[parameter])
    if trail.multi_region and not trail.global_services:
        raise Refusal(
            "InvalidParameterCombinationException",
            "Multi-Region trail must include global service events.",
        )


def _pairs(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]
