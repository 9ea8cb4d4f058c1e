"""Sessions of a role, narrowed so that a leaked one is worth little.

A role may do its part for every secret of its connection. A session of it may do so for one secret
or one user, because the policy in its request names no other. The role's policy limits labels,
claims, regions and keys; both policies have to allow a call.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.credentials import ReadOnlyCredentials

from providers.aws import arns
from providers.aws.errors import translated
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import GRANTS, Resource
from providers.aws.statements import Condition, Statement, merged, text
from rotation.errors import NeedsPerson
from rotation.interfaces import Clock
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from mypy_boto3_sts.client import STSClient

SESSION = timedelta(minutes=15)
RENEWED_BEFORE_END = timedelta(minutes=3)

# Characters that STS accepts.
TEXT_MAX = 2048

SHARED = "shared"
# Sets whose sessions are always for all secrets: they read no value and change nothing, and one
# session per secret would double the calls of looks at many secrets.
FOR_ALL = frozenset({PermissionSet.OBSERVE})

One: TypeAlias = AccessKeyOptions | SecretsManagerOptions
"""The user or the secret that a session is for."""

_TYPES = {AccessKeyOptions: "aws-iam-access-key", SecretsManagerOptions: "aws-secrets-manager"}

_at_hand: ContextVar[One | None] = ContextVar("at_hand", default=None)


@contextmanager
def only(one: One | None) -> Iterator[None]:
    """Within it, calls of this thread are signed by a session for this user or secret."""
    before = _at_hand.set(one)
    try:
        yield
    finally:
        _at_hand.reset(before)


class Narrowed:
    """A client whose calls are for one user or secret. One real client for each would cost
    megabytes and milliseconds."""

    def __init__(self, client: Any, one: One) -> None:
        self._client = client
        self._one = one

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*given: Any, **more: Any) -> Any:
            with only(self._one):
                return found(*given, **more)

        return call


def session_policy(options: ConnectionOptions, one: One, under: PermissionSet) -> str:
    """What the set may do with this one, by the same grants as the role's documents."""
    names = _names(options, one)
    statements = (
        Statement(
            actions=(grant.action,),
            resources=names.get(grant.resource, ("*",)),
            condition=_THROUGH_THE_STORE if grant.resource == "key" else {},
        )
        for grant in GRANTS[_TYPES[type(one)]].get(under, ())
    )
    return text(merged(statements))


# Sufficient, because Secrets Manager uses a key only for a secret that the session may use.
_THROUGH_THE_STORE: Condition = {"StringLike": {"kms:ViaService": "secretsmanager.*"}}


def _names(options: ConnectionOptions, one: One) -> dict[Resource, tuple[str, ...]]:
    if isinstance(one, AccessKeyOptions):
        return {"user": (arns.user_arn(options, one),)}
    (home,) = arns.secret_arns(options, one, {}, replicas=False)
    return {"secret": (arns.moved(home, "*") if one.replicas else home,)}


class AssumedRole:
    """One session, renewed shortly before it ends."""

    def __init__(
        self, role: str, name: str, options: ConnectionOptions, clock: Clock, policy: str | None
    ) -> None:
        self._request = {
            "RoleArn": role,
            "RoleSessionName": name,
            "DurationSeconds": int(SESSION.total_seconds()),
            **({} if options.external_id is None else {"ExternalId": options.external_id}),
            **({} if policy is None else {"Policy": policy}),
        }
        self._clock = clock
        self._lock = threading.Lock()
        self._session: tuple[ReadOnlyCredentials, datetime] | None = None

    @property
    def is_over(self) -> bool:
        return self._session is not None and self._fresh() is None

    def fetch(self, sts: Callable[[], "STSClient"]) -> ReadOnlyCredentials:
        session = self._fresh()
        if session is None:
            with self._lock:
                session = self._fresh() or self._assume(sts())
        return session

    def _fresh(self) -> ReadOnlyCredentials | None:
        if self._session is None:
            return None
        credentials, end = self._session
        return credentials if self._clock.now() < end - RENEWED_BEFORE_END else None

    def _assume(self, sts: "STSClient") -> ReadOnlyCredentials:
        role = str(self._request["RoleArn"])
        meanings = {"PackedPolicyTooLarge": lambda: _too_large(role)}
        with translated("sts:AssumeRole", of=role, repeatable=True, meanings=meanings):
            given = sts.assume_role(**self._request)["Credentials"]  # type: ignore[arg-type]
        credentials = ReadOnlyCredentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        self._session = (credentials, given["Expiration"])
        return credentials


class Sessions:
    """The live sessions of one role: one for each user and secret in use, or one for all."""

    def __init__(
        self,
        role: str,
        under: PermissionSet,
        options: ConnectionOptions,
        *,
        installation: str,
        clock: Clock,
    ) -> None:
        self._role, self._under, self._options = role, under, options
        self._name = f"rotation.{under}.{installation}"
        self._clock = clock
        self._lock = threading.Lock()
        self._live: dict[One | None, AssumedRole] = {}

    def fetch(self, sts: Callable[[], "STSClient"]) -> ReadOnlyCredentials:
        """The credentials for the user or secret in use."""
        for_all = self._under in FOR_ALL or self._options.sessions == SHARED
        one = None if for_all else _at_hand.get()
        session = self._live.get(one)
        if session is None:
            with self._lock:
                session = self._live.get(one) or self._begin(one)
        return session.fetch(sts)

    def _begin(self, one: One | None) -> AssumedRole:
        policy = None if one is None else session_policy(self._options, one, self._under)
        session = AssumedRole(self._role, self._name, self._options, self._clock, policy)
        live = {key: each for key, each in self._live.items() if not each.is_over}
        self._live = {**live, one: session}
        return session


def _too_large(role: str) -> NeedsPerson:
    return NeedsPerson(
        "aws.session-policy",
        f"AWS finds the policy of one session too large; {role} was not assumed, nothing was done",
        "set `sessions: shared` for the connection; then a session may do what its role may",
    )
