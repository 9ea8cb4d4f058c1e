"""Connections: base credentials, roles and clients, each made once and shared by all threads.

Only base credentials are taken from the environment. They prove their account before their first
use, and a role's ARN names its account, so a wrong profile changes nothing anywhere.
"""

import logging
import os
import threading
from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader
from botocore.session import Session

from providers.aws import errors
from providers.aws.errors import translated
from providers.aws.options import ConnectionOptions
from providers.aws.sessions import Narrowed, One, Sessions
from providers.aws.sts import CallerIdentity
from providers.aws.wire import CONNECT_TIMEOUT_S, POOL, READ_TIMEOUT_S, Wire, proxies
from rotation import __version__
from rotation.errors import Denied, LoginRefused, NeedsPerson, UsageError
from rotation.interfaces import Clock, OwnCredential
from rotation.runtime.ownership import flaws
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sts.client import STSClient

_USERS_FILES = ("~/.aws/credentials", "~/.aws/config")
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")

# At DEBUG the SDK logs whole requests and answers, with their secrets.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Only AWS's own service models: a model in the user's directory could redirect calls.
_MODELS = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


@cache
def _handlers() -> HierarchicalEmitter:
    """The SDK's own handlers. Registering them takes longer than the rest of a session."""
    handlers = HierarchicalEmitter()
    Session(event_hooks=handlers)
    return handlers


class CheckedCredentials:
    """Credentials in the SDK's sense that prove their account before their first use."""

    method = "rotation"
    account_id = None

    def __init__(
        self,
        fetch: Callable[[], ReadOnlyCredentials],
        check: Callable[[ReadOnlyCredentials], None],
    ) -> None:
        self._fetch = fetch
        self._check = check
        self._checked: str | None = None
        self._lock = threading.Lock()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        frozen = self._fetch()
        if frozen.access_key != self._checked:  # each credential session has its own id
            with self._lock:
                if frozen.access_key != self._checked:
                    self._check(frozen)
                    self._checked = frozen.access_key
        return frozen

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(self, name, None)

    def load_credentials(self) -> "CheckedCredentials":
        """The SDK's method to ask a provider for credentials."""
        return self


_BROKER = "broker"  # assumes the roles; no permission set


class AwsConnection:
    """One account in one region: clients by service, region and permission set."""

    def __init__(self, options: ConnectionOptions, *, installation: str, clock: Clock) -> None:
        if options.endpoint is None:
            _refuse_ambient()
        self.options = options
        self._installation = installation
        self._clock = clock
        self._lock = threading.RLock()
        self._base: Credentials | None = None
        self._credentials: dict[str, CheckedCredentials] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._caller_identity: CallerIdentity | None = None
        self._may_not_look = False
        self._wire = Wire(options)

    def iam(self, under: PermissionSet, one: One | None = None) -> "IAMClient":
        return cast("IAMClient", self._client("iam", self.options.region, under, one))

    def secrets_manager(
        self, under: PermissionSet, one: One | None = None, region: str | None = None
    ) -> "SecretsManagerClient":
        client = self._client("secretsmanager", region or self.options.region, under, one)
        return cast("SecretsManagerClient", client)

    @property
    def own_iam(self) -> "IAMClient":
        """A client with the base credentials: an identity that may assume roles may ask what they
        can do."""
        return cast("IAMClient", self._client("iam", self.options.region, _BROKER))

    @property
    def own_key(self) -> str | None:
        return self._base_credentials().access_key

    def own(self, service: str, region: str) -> Any:
        """A client with the base credentials, in this account, for what an operator may look at."""
        return self._client(service, region, "")

    @property
    def caller_identity(self) -> CallerIdentity:
        """Finds whose any credentials are, not only this connection's."""
        if self._caller_identity is None:
            with self._lock:
                if self._caller_identity is None:
                    self._caller_identity = self._make_caller_identity()
        return self._caller_identity

    def own_credential(self) -> OwnCredential:
        """The base credentials; their age is known only where they may list their own keys."""
        with translated("sts:GetCallerIdentity", of="itself", repeatable=True):
            base = self._base_credentials()
        answer = self.caller_identity.ask(base)
        if answer.refusal is not None:
            error = errors.refused(answer.refusal, "sts:GetCallerIdentity", "itself")
            raise LoginRefused(error.code, error.message, error.hint)
        kind = "session" if base.token else "access key"
        return OwnCredential(kind=kind, id=base.access_key, created=self._made(base, answer.user))

    def _made(self, base: ReadOnlyCredentials, user: str | None) -> datetime | None:
        if user is None or self._may_not_look:
            return None
        iam = self.own_iam
        try:
            with translated("iam:ListAccessKeys", of=user, repeatable=True):
                keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        except Denied:
            # A heartbeat asks every minute, and each refusal would be an alarm in somebody's trail.
            self._may_not_look = True
            return None
        return next((k["CreateDate"] for k in keys if k["AccessKeyId"] == base.access_key), None)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
            if self._caller_identity is not None:
                self._caller_identity = None
            self._wire.close()

    def _client(self, service: str, region: str, under: str, one: One | None = None) -> Any:
        key = (service, region, under)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key) or self._make_client(service, region, under)
                self._clients[key] = client
        return client if one is None else Narrowed(client, one)

    def _make_client(self, service: str, region: str, under: str) -> Any:
        with translated(f"{service}:*", of=f"account {self.options.account}", repeatable=True):
            session = self._session()
            session.register_component("credential_provider", self._credentials_for(under))
            return session.create_client(
                service,
                region_name=region,
                endpoint_url=self.options.endpoint,
                verify=self.options.ca_bundle or True,
                config=_config(self.options, under),
            )

    def _session(self) -> Session:
        session = Session(
            session_vars=_session_variables(self.options),
            event_hooks=copy(_handlers()),
            include_builtin_handlers=False,
        )
        session.register_component("data_loader", _MODELS)
        self._wire.carries(session)
        return session

    def _credentials_for(self, under: str) -> CheckedCredentials:
        """One per role; permission sets without a role share the base credentials."""
        role = self.options.roles.get(under)
        key = under if role or under == _BROKER else ""
        if key not in self._credentials:
            self._credentials[key] = self._make_credentials(key, role)
        return self._credentials[key]

    def _make_credentials(self, key: str, role: str | None) -> CheckedCredentials:
        if role is None:
            # The broker's account may be another one: it only assumes roles of this one.
            check = _trust if key == _BROKER else self._check_account
            return CheckedCredentials(self._base_credentials, check)
        sessions = Sessions(
            role,
            PermissionSet(key),
            self.options,
            installation=self._installation,
            clock=self._clock,
        )
        return CheckedCredentials(lambda: sessions.fetch(self._broker), _trust)

    def _broker(self) -> "STSClient":
        return cast("STSClient", self._client("sts", self.options.region, _BROKER))

    def _base_credentials(self) -> ReadOnlyCredentials:
        if self._base is None:
            with self._lock:
                if self._base is None:
                    self._base = self._load_base()
        return self._base.get_frozen_credentials()

    def _load_base(self) -> Credentials:
        _refuse_unread_profile(self.options)
        _refuse_open_files(self.options)
        session = self._session()
        session.set_default_client_config(_config(self.options, _BROKER))
        if self.options.profile or self.options.credentials_file:
            session.set_config_variable("profile", self.options.profile or "default")
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials

    def _make_caller_identity(self) -> CallerIdentity:
        return CallerIdentity(
            url=self.options.endpoint or self._broker().meta.endpoint_url,
            region=self.options.region,
            http=self._wire,
            user_agent=f"rotation/{__version__}",
        )

    def _check_account(self, credentials: ReadOnlyCredentials) -> None:
        declared = self.options.account
        answer = self.caller_identity.ask(credentials)
        if answer.refusal is not None:
            raise errors.refused(answer.refusal, "sts:GetCallerIdentity", "itself")
        if answer.account != declared:
            raise NeedsPerson(
                "aws.wrong-account",
                f"the connection says account {declared}, its credentials are of {answer.account}",
                "correct the connection's account, profile or roles; nothing was changed",
            )


def _trust(_credentials: ReadOnlyCredentials) -> None:
    """Accepts base credentials of any account: they only assume roles. A role's ARN names its
    account, and the options compare it with the connection's."""


def _config(options: ConnectionOptions, under: str) -> Config:
    return Config(  # type: ignore[call-arg]  # the stubs lag behind
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=POOL,
        proxies=proxies(options),
        ignore_configured_endpoint_urls=True,
        inject_host_prefix=False,
        disable_request_compression=True,
        tcp_keepalive=True,
        user_agent=f"rotation/{__version__} {under}",
    )


def _refuse_unread_profile(options: ConnectionOptions) -> None:
    """Refuses AWS_PROFILE where no profile is used: its user means that login, and the SDK would
    use another one."""
    named = os.environ.get("AWS_PROFILE") or "default"
    if named != "default" and not (options.profile or options.credentials_file):
        raise Denied(
            "aws.profile",
            "AWS_PROFILE is set but not read, so another login would be used; nothing was sent",
            "set `profile:` in the connection, or unset AWS_PROFILE",
        )


def _refuse_open_files(options: ConnectionOptions) -> None:
    """Refuses credential files that others may change: the SDK reads any file that exists."""
    named = [os.environ[name] for name in _TOKEN_FILES if name in os.environ]
    own = [options.credentials_file] if options.credentials_file else _USERS_FILES
    for path in (Path(name).expanduser() for name in (*own, *named)):
        flaw = next(flaws(path), None) if path.exists() else None
        if flaw is not None:
            raise Denied(
                "aws.credentials-file",
                f"{flaw}, whose login would be used; nothing was sent",
                flaw.remedy,
            )


def _session_variables(options: ConnectionOptions) -> dict[str, Any]:
    """The sources of the SDK's settings: (key of a file, environment variable, default, cast). With
    a credentials file of ours the user's own files are not read at all."""
    return {
        "profile": (None, None, None, None),
        "data_path": (None, None, None, None),
        "ca_bundle": (None, None, options.ca_bundle, None),
        "config_file": (
            None, None, os.devnull if options.credentials_file else "~/.aws/config", None,
        ),
        "credentials_file": (
            None, None, options.credentials_file or "~/.aws/credentials", None,
        ),
    }  # fmt: skip


def _refuse_ambient() -> None:
    """Refuses variables that would send our calls elsewhere, or write down what is encrypted."""
    for name in os.environ:
        if name.startswith("AWS_ENDPOINT_URL") or name in {"NETRC", "SSLKEYLOGFILE"}:
            raise UsageError(
                "aws.ambient",
                f"{name} is set, which is not allowed for a runner of production credentials",
                f"unset {name}; endpoints belong in the connection",
            )
