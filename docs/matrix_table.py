"""What works with what: the cells that the tests go through, and what each issuer can do."""  # noqa: INP001 -- beside the script that uses it

from datetime import timedelta

from rotation.types import Traits
from tests.matrix.services import IN_PLACE, ISSUERS, STORES
from tests.support.pairs import ISSUERS as TRAITS


def matrix() -> str:
    assert set(ISSUERS) == set(TRAITS), "both tests go through the same issuers"
    head = ["issuer", *(f"in `{store}`" for store in STORES)]
    stories = dict.fromkeys(ISSUERS, "rotates, rolls back, replaces, resumes")
    stories |= dict.fromkeys(IN_PLACE, "replaces, resumes")
    return _table(
        head, [[f"`{issuer}`", *(does for _ in STORES)] for issuer, does in stories.items()]
    )


def limits() -> str:
    head = [
        "issuer",
        "its bytes are",
        "live at once",
        "off and on again",
        "tells its use",
        "failed logins that are safe",
    ]
    return _table(head, [[f"`{name}`", *_limits(traits)] for name, traits in TRAITS.items()])


def _limits(traits: Traits) -> list[str]:
    usage = "no"
    if traits.reports_usage:
        usage = f"up to {_duration(traits.report_lag)} late" if traits.report_lag else "at once"
    return [
        f"{traits.origin} by {'the service' if traits.origin == 'assigned' else 'us'}",
        "any number" if traits.live_max is None else str(traits.live_max),
        "yes" if traits.can_suspend else "no",
        usage,
        str(traits.failed_logins_safe),
    ]


def _duration(lag: timedelta) -> str:
    return f"{lag.total_seconds() / 3600:g} h"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
