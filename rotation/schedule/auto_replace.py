"""Replaces, without an operator, what its issuer reports as gone or ended, where the class allows
it.

It needs the issuer's own report and a refused login. A lagging list, a denied read or a service
that does not answer is no report.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rotation.errors import RotationError
from rotation.execution import dead_credential
from rotation.execution.dead_credential import Dead
from rotation.interfaces import Adapters
from rotation.journal.facts import Baseline
from rotation.machine.baseline import left_by
from rotation.machine.replay import replay
from rotation.report.describe import DEAD
from rotation.schedule.admission import replaceable, room
from rotation.schedule.brakes import stops
from rotation.types import PermissionSet, Specification, Verdict

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal import Journal

# A suspended one may be off because of an emergency, or because a person is investigating.
SAID = frozenset({Dead.GONE, Dead.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """seen: the seq of the journal that it was looked at from."""

    stream: str
    spec: Specification
    reason: str
    seen: int


def gone(
    configuration: "Configuration",
    journal: "Journal",
    bind: Callable[[Specification], Adapters],
    now: datetime,
    failed: Callable[["ConfiguredSecret", RotationError], None],
    names: Collection[str] = (),
) -> Iterator[Gone]:
    """Looks at one secret after the other, no more than may be opened at once; at none while
    everything is stopped. failed: called for those that could not be looked at. names: only these,
    if any."""
    waiting = [e for e in replaceable(configuration, journal, now) if not names or e.id in names]
    if not waiting or any(stops(configuration, journal)) or journal.doubt() is not None:
        return
    left = room(configuration, journal.identities(), now)
    for entry in waiting:
        if left <= 0:
            return
        try:
            found = _look(configuration, journal, bind, entry, now)
        except RotationError as error:
            failed(entry, error)
            continue
        if found is not None:
            left -= 1
            yield found


def _look(
    configuration: "Configuration",
    journal: "Journal",
    bind: Callable[[Specification], Adapters],
    entry: "ConfiguredSecret",
    now: datetime,
) -> Gone | None:
    entries = journal.entries(entry.stream)
    spec, baseline = configuration.specification(entry), left_by(replay(entries))
    said = said_dead(bind(spec), baseline, journal.installation, now)
    if said is None:
        return None
    reason = f"{baseline.handle} {DEAD[said]}"
    return Gone(stream=entry.stream, spec=spec, reason=reason, seen=entries[-1].seq)


def said_dead(bound: Adapters, baseline: Baseline, installation: str, now: datetime) -> Dead | None:
    """None where the store is not as the journal has it: then a person decides. An expiry counts
    only when the service's clock has passed it too."""
    traits, version, handle = bound.issuer.traits, baseline.version, baseline.handle
    if bound.probe is None or not traits.lists or traits.failed_logins_safe < 1:
        return None
    state, listing = bound.store.state(), bound.issuer.listing()
    if version is None or state.refusal or (state.current, state.claim) != (version, installation):
        return None
    said = dead_credential.describe(bound, handle, listing, min(now, listing.server_at or now))
    if said not in SAID:
        return None
    fields = bound.store.read(version, under=PermissionSet.PROVE)
    return said if bound.probe.login(fields) is Verdict.REFUSED else None
