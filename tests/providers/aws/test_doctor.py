import pytest

from providers.aws.doctor import LAYOUTS, diagnose
from rotation.interfaces import LabelSnapshot
from rotation.types import COMPROMISED, CURRENT, PENDING, PREVIOUS, StoreState, Version

OURS = "rot1-0123456789ab-" + "1" * 32
OTHERS_MARK = "rot1-ba9876543210-" + "1" * 32
HEALTHY = {CURRENT: "a", PREVIOUS: "v"}


def look(
    labels: dict[str, str],
    refusal: tuple[str, str] | None = None,
    replicas: dict[str, str] | None = None,
    **known,
) -> LabelSnapshot:
    versions = tuple(
        Version(id=version, labels=frozenset(name for name in labels if labels[name] == version))
        for version in dict.fromkeys(labels.values())
    )
    state = StoreState(versions=versions, refusal=refusal, replicas=replicas or {})
    return LabelSnapshot(state=state, installation="0123456789ab", **known)


CASES = [
    ("healthy", look(HEALTHY)),
    ("healthy", look({CURRENT: "a"}, logs_in={"a": True})),
    ("healthy", look(HEALTHY, replicas={"eu-west-1": "in-sync"})),
    ("copy-behind", look(HEALTHY, replicas={"eu-west-1": "in-sync", "eu-west-3": "failed"})),
    ("copy-behind", look(HEALTHY, replicas={"eu-west-1": "in-progress"})),
    ("empty", look({})),
    ("managed-elsewhere", look(HEALTHY, refusal=("store.native-rotation", "..."))),
    ("compromised-current", look({CURRENT: "a", COMPROMISED: "a"})),
    ("leftover-pending", look({CURRENT: "a", PENDING: "a"})),
    ("pending-without-value", look({CURRENT: "a", PENDING: "p"}, valueless=frozenset("p"))),
    ("in-progress", look({CURRENT: "a", PENDING: OURS}, open_version=OURS)),
    ("abandoned-pending", look({CURRENT: "a", PENDING: OURS}, logs_in={"a": True})),
    ("undecided-pending", look({CURRENT: "a", PENDING: OURS})),
    ("foreign-pending", look({CURRENT: "a", PENDING: "p"}, logs_in={"a": True})),
    ("foreign-pending", look({CURRENT: "a", PENDING: OTHERS_MARK}, logs_in={"a": True})),
    (
        "half-promoted",
        look({CURRENT: "a", PENDING: OURS}, open_version=OURS, logs_in={"a": False, OURS: True}),
    ),
    (
        "unknown-half-promoted",
        look({CURRENT: "a", PENDING: OURS}, logs_in={"a": False, OURS: True}),
    ),
    ("bad-promotion", look(HEALTHY, logs_in={"a": False, "v": True})),
    ("dead-current", look(HEALTHY, logs_in={"a": False})),
    ("lost", look(HEALTHY, logs_in={"a": False, "v": False})),
    ("lost", look({CURRENT: "a"}, logs_in={"a": False})),
    ("lost", look(HEALTHY, logs_in={"a": False}, valueless=frozenset("v"))),
    ("lost", look({PREVIOUS: "v"})),
    ("lost", look({**HEALTHY, COMPROMISED: "v"}, logs_in={"a": False, "v": True})),
]


@pytest.mark.parametrize(("name", "seen"), CASES)
def test_every_layout_has_one_name(name: str, seen: LabelSnapshot):
    assert diagnose(seen) is LAYOUTS[name]


def test_the_table_is_closed():
    assert {name for name, _ in CASES} == LAYOUTS.keys()


def test_the_plan_only_ever_takes_a_label_off():
    """A version that we did not stage is never promoted, whatever its id looks like."""
    assert {name for name, layout in LAYOUTS.items() if layout.by_plan} == {
        "abandoned-pending",
        "leftover-pending",
        "pending-without-value",
    }
    assert all("take AWSPENDING off" in each.repair for each in LAYOUTS.values() if each.by_plan)
