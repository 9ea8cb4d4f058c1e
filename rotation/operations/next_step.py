"""The one command that helps a secret now: the first of those that `status` prints, or `status` itself
where a person has to choose."""

from datetime import datetime

from rotation.machine.decide import next_action
from rotation.machine.replay import Rotation
from rotation.operations.continuation import ways_on
from rotation.operations.fleet import Health, Rank
from rotation.report.exits import ways_out


def next_step(health: Health, rotation: Rotation | None, now: datetime) -> str:
    """rotation: the open one."""
    name = health.secret
    held = rotation is not None and rotation.held is not None
    if health.row is not None and health.row.on_hold and not held:
        return f"rotation unpause {name}"
    if held:
        # Which way out is right depends on what a person finds; some of them cannot be undone.
        return f"rotation status {name}"
    if rotation is not None and not health.unmerged:
        ways = [*ways_out(rotation, name), *ways_on(rotation, next_action(rotation, now), name)]
        return ways[0] if ways else f"rotation status {name}"
    if health.rank is Rank.UNKNOWN and health.row is not None:
        return f"rotation adopt {name} --created DATE"
    return _BY_RANK.get(health.rank, "rotation status {name}").format(name=name)


_BY_RANK = {
    Rank.DOWN: "rotation rotate {name} --replace",
    Rank.HELD: "rotation status {name}",
    Rank.PAST_MAX_AGE: "rotation rotate {name}",
    Rank.LEFT_ALIVE: "rotation rotate {name}",
    Rank.UNACCOUNTED: "rotation reconcile {name}",
    Rank.DRIFT: "rotation reconcile {name}",
    Rank.UNKNOWN: "rotation adopt {name}",
    Rank.DUE: "rotation rotate {name}",
}
