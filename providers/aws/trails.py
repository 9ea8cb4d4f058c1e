"""Whether an existing trail lets the alarms work, as CloudTrail reports it.

EventBridge gets a call only where a trail logs it, so no rule gets what a trail leaves out.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

from providers.aws.arns import region_of

Answer = Mapping[str, Any]
# An operation of CloudTrail in the trail's home region, with its parameters.
Ask = Callable[..., Answer]

# The permissions that a look needs.
LOOKS = ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")

MENDED = "let its owner change that, or leave `alarm_trail` out for one of the stack's own"

# The next step where CloudTrail gave no answer.
UNASKED = f"compare its region with `alarm_trail`; to look takes {', '.join(LOOKS)}"

# Services whose events the alarms use.
HEARD = ("cloudtrail", "events", "iam", "kms", "monitoring", "secretsmanager", "sns", "sts")


class Trail:
    """A trail that no stack of this tool made. An organisation's trail belongs to another account,
    and is visible in this one only by its ARN."""

    def __init__(self, arn: str, ask: Ask) -> None:
        self._arn, self._ask = arn, ask

    def wrong(self, regions: Collection[str]) -> Iterator[str]:
        """Why rules in these regions would not get every management event."""
        if self._description is None:
            yield f"there is no trail {self._arn}: compare its name, region and account"
            return
        home = region_of(self._arn)
        beyond = sorted({*regions} - {home})
        if beyond and not self._description["IsMultiRegionTrail"]:
            yield f"trail {self._arn} logs {home} alone, and not {', '.join(beyond)}"
        yield from self._left_out

    @cached_property
    def _description(self) -> Answer | None:
        found = self._ask("describe_trails", trailNameList=[self._arn])["trailList"]
        return next((each for each in found if each["TrailARN"] == self._arn), None)

    @cached_property
    def _left_out(self) -> tuple[str, ...]:
        """What it leaves out in every region."""
        return tuple(self._says(self._description or {}))

    def _says(self, description: Answer) -> Iterator[str]:
        if not self._ask("get_trail_status", Name=self._arn)["IsLogging"]:
            yield f"trail {self._arn} is stopped and logs nothing"
        if not description["IncludeGlobalServiceEvents"]:
            yield f"trail {self._arn} leaves out global services, and IAM is one"
        selectors = self._ask("get_event_selectors", TrailName=self._arn)
        for what, read_only in (("read", "true"), ("write", "false")):
            unheard = [name for name in HEARD if not _selected(selectors, name, read_only)]
            if unheard:
                of = "" if len(unheard) == len(HEARD) else f" of {', '.join(unheard)}"
                yield f"trail {self._arn} leaves out {what} management events{of}"


def _selected(selectors: Answer, service: str, read_only: str) -> bool:
    """A trail has selectors of one kind or of the other."""
    event = {
        "eventCategory": "Management",
        "eventSource": f"{service}.amazonaws.com",
        "readOnly": read_only,
    }
    return any(_basic(each, event) for each in selectors.get("EventSelectors", ())) or any(
        all(_meets(event, field) for field in each["FieldSelectors"])
        for each in selectors.get("AdvancedEventSelectors", ())
    )


def _basic(selector: Answer, event: Mapping[str, str]) -> bool:
    kind = "ReadOnly" if event["readOnly"] == "true" else "WriteOnly"
    return (
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") in ("All", kind)
        and event["eventSource"] not in selector.get("ExcludeManagementEventSources", ())
    )


def _meets(event: Mapping[str, str], field: Answer) -> bool:
    """A field with another name or operator selects less than all events of the service."""
    value = event.get(field["Field"])
    return (
        value is not None
        and field.keys() <= {"Field", "Equals", "NotEquals"}
        and value in field.get("Equals", (value,))
        and value not in field.get("NotEquals", ())
    )
