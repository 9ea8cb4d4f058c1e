"""Everything that the services share: storage, credentials, the clock, the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from moto.iam.models import IAMBackend

from providers.aws.testing.authorisation import Gate
from providers.aws.testing.calls import CallLog
from providers.aws.testing.clock import ServerClock
from providers.aws.testing.identity import KeyRing, Principal
from providers.aws.testing.last_used import LastUsed
from providers.aws.testing.listings import Listings
from providers.aws.testing.refusals import invalid, not_modelled
from providers.aws.testing.replication import Replication
from providers.aws.testing.secret_store import SecretShelf, StoredSecret
from providers.aws.testing.trails import StoredTrail
from providers.aws.testing.wire import Parameters, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call of one operation."""

    service: str
    operation: str
    region: str
    principal: Principal
    parameters: Parameters

    @property
    def action(self) -> str:
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with the parameters that are modelled, as words.

    A parameter that AWS knows and this double does not is refused, never ignored.
    """

    answer: Callable[[Call], Result]
    required: str = ""
    optional: str = ""

    def run(self, call: Call) -> Result:
        """Check the parameters, then apply the rules."""
        required = set(self.required.split())
        given = call.parameters.keys()
        if missing := required - given:
            raise invalid(call.service, f"Missing: {', '.join(sorted(missing))}.")
        if surplus := given - required - set(self.optional.split()):
            raise not_modelled(f"{call.action} with {', '.join(sorted(surplus))}")
        return self.answer(call)


Operations = Mapping[str, Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """A key that was made, by whom and when. A deleted key stays in this list."""

    user: str
    access_key_id: str
    by: str
    at: float


@dataclass(slots=True, kw_only=True)
class State:
    """The world behind the endpoint. Touched only under the server's lock."""

    account: str
    region: str
    clock: ServerClock
    keyring: KeyRing
    gate: Gate
    iam: IAMBackend
    shelf: SecretShelf
    replication: Replication
    last_used: LastUsed
    log: CallLog = field(default_factory=CallLog)
    mints: list[Mint] = field(default_factory=list)
    boundaries: dict[str, str] = field(default_factory=dict)
    trails: dict[str, StoredTrail] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)
    page_size: int = 100

    def secret(self, secret_id: str, region: str | None = None) -> StoredSecret:
        """The secret of this name or ARN, with what is due to it delivered; or a refusal."""
        self.replication.settle()
        return self.shelf.find(region or self.region, secret_id, self.clock.now())
