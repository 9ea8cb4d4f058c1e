"""What CloudTrail keeps of one trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Selectors = list[dict[str, Any]]


def usual() -> Selectors:
    """The selectors of a new trail: every management event."""
    return [
        {
            "ReadWriteType": "All",
            "IncludeManagementEvents": True,
            "DataResources": [],
            "ExcludeManagementEventSources": [],
        }
    ]


@dataclass(slots=True, kw_only=True)
class StoredTrail:
    """selectors: basic or advanced ones, never both."""

    arn: str
    bucket: str = "theirs"
    multi_region: bool = False
    global_services: bool = True
    validated: bool = False
    of_organisation: bool = False
    logging: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    selectors: Selectors = field(default_factory=usual)
    advanced: Selectors = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def home(self) -> str:
        return self.arn.split(":")[3]

    @property
    def description(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "S3BucketName": self.bucket,
            "IncludeGlobalServiceEvents": self.global_services,
            "IsMultiRegionTrail": self.multi_region,
            "HomeRegion": self.home,
            "TrailARN": self.arn,
            "LogFileValidationEnabled": self.validated,
            "HasCustomEventSelectors": bool(self.advanced) or self.selectors != usual(),
            "HasInsightSelectors": False,
            "IsOrganizationTrail": self.of_organisation,
        }
