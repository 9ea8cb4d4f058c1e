"""How old a credential may become: the policy classes, their arithmetic, the exceptions, and what
its service and its store can bear."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rotation.calendar import Schedule, slots_in_a_day
from rotation.config.findings import Problem, invalid
from rotation.config.model import DAY, PolicyClass, Secret
from rotation.config.reading import UNITS

# The built-in policy classes. None of them may be given a longer life. `trial` waits minutes where
# the others wait days, so that a first rotation can be watched to its end.
BUILT_IN = {
    "production": PolicyClass(max_age_s=90 * DAY),
    "development": PolicyClass(max_age_s=180 * DAY),
    "trial": PolicyClass(max_age_s=7 * DAY, margin_s=DAY, quiet_s=5 * 60, soak_s=5 * 60),
}

# By environment, for any class: a longer life needs an exception with an end.
AGE_LIMITS = {"production": 90 * DAY, "development": 180 * DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """In seconds. period: the age at which a credential is due."""

    max_age: int
    grace: int
    soak: int
    margin: int
    period: int
    baking: int = 0

    def __str__(self) -> str:
        waves = f" - waves {format_duration(self.baking)}" if self.baking else ""
        return (
            f"max age {format_duration(self.max_age)} - grace {format_duration(self.grace)} - soak "
            f"{format_duration(self.soak)} - margin {format_duration(self.margin)}{waves} = {format_duration(self.period)}"
        )


def format_duration(seconds: int) -> str:
    """1d 4h."""
    rest, parts = abs(seconds), []
    for unit, size in sorted(UNITS.items(), key=lambda item: -item[1]):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if seconds < 0 else "") + (" ".join(parts) or "0s")


def policy_classes(
    declared: Mapping[str, PolicyClass],
) -> tuple[dict[str, PolicyClass], list[Problem]]:
    """The declared and the built-in classes, and what is wrong with them."""
    classes = dict(BUILT_IN)
    problems = []
    for name, policy in declared.items():
        most = BUILT_IN[name].max_age_s if name in BUILT_IN else None
        age = most if policy.max_age_s is None else policy.max_age_s
        if age is None:
            problems.append(Problem(("classes", name), "config.missing", "`max_age` is missing"))
        elif most is not None and age > most:
            problems.append(
                Problem(
                    ("classes", name, "max_age"),
                    "config.class-age",
                    f"{name} may not exceed {format_duration(most)}",
                    "use a class with another name",
                )
            )
        classes[name] = replace(policy, max_age_s=min(age or DAY, most or age or DAY))
    return classes, problems


def of_its_environment(secret: Secret, policy: PolicyClass) -> None:
    """Raises Invalid where a class allows a longer life than its environment, without an
    exception."""
    limit, given = AGE_LIMITS.get(secret.environment), policy.max_age_s or 0
    if secret.exception is not None and (limit is None or given <= limit):
        raise invalid(
            "config.exception-needless",
            "its class is within what its environment allows",
            "take the exception out",
            ("exception",),
        )
    if limit is not None and given > limit and secret.exception is None:
        raise invalid(
            "config.environment-age",
            f"a max age of {format_duration(given)}, and {secret.environment} allows {format_duration(limit)}",
            "choose a stricter class, or state `exception: {owner, reason, until}` beside it",
            ("class",),
        )


def timing_of(
    policy: PolicyClass,
    longest_refresh: int,
    can_suspend: bool,  # noqa: FBT001
    baking: int = 0,
) -> Timing:
    """baking: how long the waves of consumers take."""
    floor = 2 * longest_refresh
    if policy.grace_s is not None and policy.grace_s < floor:
        raise invalid(
            "config.grace",
            f"the class's grace of {format_duration(policy.grace_s)} is below its floor: 2 x the longest "
            f"refresh of {format_duration(longest_refresh)} = {format_duration(floor)}",
            "raise the class's grace, or leave it out",
            where=("class",),
        )
    assert policy.max_age_s is not None
    grace = floor if policy.grace_s is None else policy.grace_s
    soak = policy.soak_s if can_suspend else 0
    timing = Timing(
        max_age=policy.max_age_s,
        grace=grace,
        soak=soak,
        margin=policy.margin_s,
        period=policy.max_age_s - grace - soak - policy.margin_s - baking,
        baking=baking,
    )
    if timing.period <= 0:
        raise invalid(
            "config.period",
            f"no time is left to serve: {timing}",
            "raise the class's max_age, or lower its margin or soak",
            where=("class",),
        )
    return timing


def bearable(secret: Secret, schedule: Schedule, timing: Timing) -> None:
    """Raises Invalid where its service or its store cannot keep up with these times."""
    _check_life(secret, timing)
    _check_quota(secret, schedule, timing)


def _check_life(secret: Secret, timing: Timing) -> None:
    """Checks the times against the lifetime that the issuer's options state."""
    life = secret.issuer.options.life_s
    if life is None:
        return
    if timing.margin < timing.grace:
        raise invalid(
            "config.margin",
            f"its credentials are due {format_duration(timing.margin)} (the margin) before they end, and its "
            f"readers may need {format_duration(timing.grace)} (the grace) to take up the next: the old one "
            "would end under them",
            f"name a class with a margin of {format_duration(timing.grace)} or more",
            where=("class",),
        )
    if life <= timing.margin:
        raise invalid(
            "config.life",
            f"its credentials live {format_duration(life)}, and are due {format_duration(timing.margin)} (the margin) "
            "before they end: each one from its first moment",
            "give them a longer life, or name a class with a smaller margin",
            where=("issuer",),
        )


def _check_quota(secret: Secret, schedule: Schedule, timing: Timing) -> None:
    """Each rotation makes versions, and the store may allow only so many in a day."""
    most = secret.store.options.VERSIONS_A_DAY
    if most is None:
        return
    each = secret.store.options.VERSIONS_A_ROTATION
    for name, count in _a_day(schedule, timing):
        if count * each >= most:
            asked = {
                "period": f"a period of {format_duration(timing.period)}",
                "every": f"every {format_duration(schedule.every_s or 0)}",
                "cron": f"cron {schedule.cron}",
            }
            own = secret.schedule and {
                "every": secret.schedule.every_s,
                "cron": secret.schedule.cron,
            }
            raise invalid(
                "config.quota",
                f"{asked[name]}: {count} rotations a day, of up to {each} versions each; "
                f"{secret.store.type} takes {most} a day at most, and an emergency needs room as well",
                f"no more often than every {format_duration(_shortest(most // each))}",
                where=("schedule", name) if own and own.get(name) else ("class",),
            )


def _a_day(schedule: Schedule, timing: Timing) -> Iterator[tuple[str, int]]:
    """How many rotations a day, by each rule that applies."""
    yield "period", DAY // timing.period
    if schedule.every_s is not None:
        yield "every", DAY // schedule.every_s
    if schedule.cron is not None:
        yield "cron", slots_in_a_day(schedule.cron)


def _shortest(most: int) -> int:
    """In seconds, in whole minutes."""
    return -(-DAY // (most - 1) // 60) * 60
