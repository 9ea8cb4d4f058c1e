"""Who signs a request: access keys, what each endpoint knows of them, and sessions.

IAM changes reach the endpoints one by one. IAM's own list of keys is always fresh; whether a key
*opens* an endpoint depends on the changes that have reached that endpoint.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from providers.aws.testing import refusals
from providers.aws.testing.signature import check_date, check_signature

if TYPE_CHECKING:
    from providers.aws.testing.clock import ServerClock
    from providers.aws.testing.session_policy import SessionPolicy
    from providers.aws.testing.signature import Claim
    from providers.aws.testing.wire import Request

ENDPOINTS = ("iam", "sts", "secretsmanager", "cloudtrail")

KeyState = Literal["Active", "Inactive", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller. A role session has no `user_name`, and may have a policy of its
    own; a user's may have been given for a second factor."""

    arn: str
    unique_id: str
    access_key_id: str
    user_name: str | None = None
    role_arn: str | None = None
    issued_at: datetime | None = None
    policy: SessionPolicy | None = None
    with_mfa: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    state: KeyState
    heard_at: dict[str, datetime]


@dataclass(slots=True)
class _Key:
    secret: str
    owner: Callable[[], Principal | None]
    changes: list[_Change] = field(default_factory=list)

    def state_at(self, endpoint: str, now: datetime) -> KeyState | None:
        # The latest change that has arrived counts, even if an older one arrives after it.
        heard = [change for change in self.changes if change.heard_at[endpoint] <= now]
        return heard[-1].state if heard else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Temporary credentials. They outlive the key that asked for them."""

    principal: Principal
    secret: str
    token: str
    expires_at: datetime


class KeyRing:
    """Every credential that ever was, and which endpoint believes in it."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self._keys: dict[str, _Key] = {}
        self._sessions: dict[str, Session] = {}
        self.delays = dict.fromkeys(ENDPOINTS, 0.0)

    def add_key(
        self, access_key_id: str, secret: str, owner: Callable[[], Principal | None]
    ) -> None:
        """A new key, active. `owner` is asked at each use, because a user may be deleted by
        then."""
        self._keys[access_key_id] = _Key(secret, owner)
        self.change(access_key_id, "Active")

    def change(self, access_key_id: str, state: KeyState) -> None:
        """Changes the key's state; the change reaches each endpoint after its delay."""
        now = self._clock.moment()
        heard_at = {name: now + timedelta(seconds=self.delays[name]) for name in ENDPOINTS}
        self._keys[access_key_id].changes.append(_Change(state, heard_at))

    def add_session(self, principal: Principal, lifetime: timedelta) -> Session:
        """New temporary credentials for this principal."""
        session = Session(
            principal=principal,
            secret=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(120),
            expires_at=self._clock.now() + lifetime,
        )
        self._sessions[principal.access_key_id] = session
        return session

    def owner_of(self, access_key_id: str) -> Principal | None:
        """Whose credential this is, dead or alive."""
        if session := self._sessions.get(access_key_id):
            return session.principal
        key = self._keys.get(access_key_id)
        return key.owner() if key else None

    def accepts(self, access_key_id: str, secret: str, endpoint: str) -> bool:
        """Whether this endpoint would take this long-term key now."""
        key = self._keys.get(access_key_id)
        return (
            key is not None
            and secrets.compare_digest(key.secret, secret)
            and key.state_at(endpoint, self._clock.moment()) == "Active"
        )

    def state_at(self, access_key_id: str, endpoint: str) -> KeyState | None:
        """The key's state as this endpoint knows it; None if it does not know the key."""
        key = self._keys.get(access_key_id)
        return key.state_at(endpoint, self._clock.moment()) if key else None

    def authenticate(self, request: Request, claim: Claim) -> Principal:
        """The caller, proved by date, key state and signature; or a refusal."""
        if claim.access_key_id in self._sessions:
            principal, secret = self._open_session(claim)
        else:
            principal, secret = self._open_key(claim)
        check_date(request, claim, self._clock.signing_time())
        check_signature(request, claim, secret)
        return principal

    def _open_key(self, claim: Claim) -> tuple[Principal, str]:
        key = self._keys.get(claim.access_key_id)
        if key is None or claim.session_token is not None:
            raise refusals.unknown_credential(claim.service)
        owner = key.owner()
        if owner is None or key.state_at(claim.service, self._clock.moment()) != "Active":
            raise refusals.unknown_credential(claim.service)
        return owner, key.secret

    def _open_session(self, claim: Claim) -> tuple[Principal, str]:
        session = self._sessions[claim.access_key_id]
        of_a_user = session.principal.role_arn is None
        if claim.service == "iam" and of_a_user and not session.principal.with_mfa:
            # IAM takes a session of GetSessionToken only with a second factor.
            raise refusals.unknown_credential(claim.service)
        if not secrets.compare_digest(session.token, claim.session_token or ""):
            raise refusals.unknown_credential(claim.service)
        if session.expires_at <= self._clock.now():
            raise refusals.expired_session(claim.service)
        return session.principal, session.secret


def new_session_key_id() -> str:
    """An id as STS makes them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "ASIA" + "".join(secrets.choice(alphabet) for _ in range(16))
