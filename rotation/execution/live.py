"""What a runner reads live, and never from the specification that a rotation was opened with."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from rotation.machine.decide import Wait
from rotation.machine.replay import Rotation
from rotation.plan import RowInstance
from rotation.types import OPEN_GATES, Gates, Specification


@dataclass(frozen=True, kw_only=True)
class Live:
    gates: Callable[[str, datetime], Gates] = lambda secret, now: OPEN_GATES
    # None: the configuration no longer names the secret.
    specification: Callable[[str], Specification | None] = lambda secret: None
    read_only: Callable[[], str | None] = lambda: None  # why only containment may have an effect
    # The wait for people who have to agree before that row is intended; None: nobody has to.
    approval: Callable[[Rotation, RowInstance], Wait | None] = lambda rotation, row: None
    # Told where a run ends at such a wait.
    ask: Callable[[Rotation, RowInstance], None] = lambda rotation, row: None
    # Secrets of the configuration that use one of these logins too.
    others: Callable[[Specification, Collection[str]], Sequence[str]] = lambda spec, logins: ()
