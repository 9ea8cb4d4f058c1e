"""The controls that auditors ask about, each with numbers of this installation and the command that
shows them again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rotation.operations.access import Access
from rotation.operations.inventory import Line
from rotation.plan import rules_of

DAYS_90 = 90 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Of how many things a control is about, and those that do not meet it."""

    total: int
    failing: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controls are counted over."""

    lines: Sequence[Line]
    access: Sequence[Access]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """asks: what the source demands. shows: what is counted here, and no more."""

    id: str
    source: str
    asks: str
    shows: str
    count: Callable[[Seen], Counted]

    @property
    def command(self) -> str:
        return f"rotation report --control {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    control: Control
    counted: Counted


def evidence(seen: Seen) -> Iterator[Evidence]:
    return (Evidence(control=each, counted=each.count(seen)) for each in CONTROLS)


def _failing(lines: Iterable[Line], meets: Callable[[Line], bool]) -> Counted:
    of = list(lines)
    return Counted(total=len(of), failing=tuple(line.secret for line in of if not meets(line)))


def _aws(seen: Seen) -> list[Line]:
    return [line for line in seen.lines if line.issuer == "aws-iam-access-key"]


def _one_key(seen: Seen) -> Counted:
    """A second key while a rotation is open is what a rotation is."""
    stray = {"unaccounted", "left-alive"}
    return _failing(_aws(seen), lambda line: not stray & set(line.states))


def _ninety_days(seen: Seen) -> Counted:
    return _failing(_aws(seen), lambda line: line.age_s is not None and line.age_s <= DAYS_90)


def _in_time(seen: Seen) -> Counted:
    return _failing(seen.lines, lambda line: line.age_s is not None and not line.is_too_old)


def _used(seen: Seen) -> Counted:
    of = [each for each in seen.access if each.used is not None]
    failing = tuple(f"{each.under} on {each.connection}" for each in of if not each.used)
    return Counted(total=len(of), failing=failing)


def _key_states(seen: Seen) -> Counted:
    """By the journal: NIST's states of what an open rotation has, and of what readers get."""
    counts = {"active": 0, "being replaced": 0, "compromised": 0, "unknown": 0}
    for line in seen.lines:
        if line.current is None:
            counts["unknown"] += 1
        elif rules_of(line.open_plan).contains:
            counts["compromised"] += 1
        else:
            counts["being replaced" if line.open_plan else "active"] += 1
    unknown = tuple(line.secret for line in seen.lines if line.current is None)
    return Counted(total=len(seen.lines), failing=unknown, counts=counts)


def _owned(seen: Seen) -> Counted:
    owners = {line.owner for line in seen.lines}
    return Counted(total=len(seen.lines), counts={"owners": len(owners)})


def _apart(seen: Seen) -> Counted:
    """One holder for everything on a connection is no separation."""
    holders: dict[str, set[str]] = {}
    for each in seen.access:
        holders.setdefault(each.connection, set()).add(each.holder)
    alone = tuple(name for name, held in holders.items() if len(held) == 1)
    return Counted(total=len(holders), failing=alone)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="cis-aws-1.13",
        source="CIS AWS Foundations 1.13",
        asks="There is only one active access key for any single IAM user.",
        shows="IAM users with a key beside the current one that no open rotation made, as the last look found it.",
        count=_one_key,
    ),
    Control(
        id="cis-aws-1.14",
        source="CIS AWS Foundations 1.14",
        asks="Access keys are rotated every 90 days or less.",
        shows="Current IAM keys that are older than 90 days, or whose age is not known.",
        count=_ninety_days,
    ),
    Control(
        id="pci-dss-8.6.3",
        source="PCI DSS 4.0 8.6.3",
        asks="Passwords of application and system accounts are changed periodically, as a risk analysis says.",
        shows="Credentials that are older than their class allows, or whose age is not known.",
        count=_in_time,
    ),
    Control(
        id="soc2-cc6.1",
        source="SOC 2 CC6.1",
        asks="Logical access to protected information assets is restricted.",
        shows="Permission sets that no step used in the period: rights that nobody needed.",
        count=_used,
    ),
    Control(
        id="nist-800-57",
        source="NIST SP 800-57 Part 1, key states",
        asks="The state of each key is known and managed over its life.",
        shows="Credentials by state; those that the journal does not know.",
        count=_key_states,
    ),
    Control(
        id="iso-27001-a.8.24",
        source="ISO/IEC 27001:2022 A.8.24",
        asks="Rules for the use of cryptography, including key management, are defined and implemented.",
        shows="Credentials with an owner and an age limit; the configuration accepts none without.",
        count=_owned,
    ),
    Control(
        id="owasp-secrets",
        source="OWASP Secrets Management Cheat Sheet",
        asks="Creating, rotating and revoking are automated, by identities with the least privilege.",
        shows="Connections on which one login holds every permission set.",
        count=_apart,
    ),
)  # fmt: skip
