"""Connections: one login for all threads, renewed before its end, and a token per permission set.

Before every login the cluster proves its identity, so a wrong address changes nothing anywhere.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from providers.vault import errors
from providers.vault.approle_role import Role
from providers.vault.errors import Meanings
from providers.vault.options import ConnectionOptions
from providers.vault.wire import Answer, Wire, vault_time
from rotation.errors import (
    Denied,
    LoginRefused,
    NeedsPerson,
    RotationError,
    Transient,
    UsageError,
)
from rotation.interfaces import Clock, OwnCredential
from rotation.runtime.ownership import read_word
from rotation.types import PermissionSet, SecretValue

# The life of a permission set's token. A token role cannot set it, so we request it.
CHILD_LIFE_S = 1800

OBSERVE = PermissionSet.OBSERVE
_REFUSED_LOGINS = (
    "400",
    errors.DENIED,
    errors.BAD_SECRET_ID,
    errors.BAD_LOGIN,
    errors.SESSION_OVER,
)
_WRAPPED_BY = r"auth/{mount}/role/[^/]+/(custom-)?secret-id"


@dataclass(frozen=True, slots=True)
class Login:
    """A token of the runner. life: how long it was given; None: it does not end."""

    token: SecretValue
    since: datetime
    life: timedelta | None
    renewable: bool = False

    def is_fresh(self, now: datetime) -> bool:
        """Within two thirds of its life: a failing Vault has the last third to recover."""
        return self.life is None or now < self.since + self.life * 2 / 3

    def is_over(self, now: datetime) -> bool:
        return self.life is not None and now >= self.since + self.life


class VaultConnection:
    """One cluster. Every call is made under a permission set. A set with a token role has its own
    token, a child of our login that dies with it."""

    def __init__(self, options: ConnectionOptions, *, installation: str, clock: Clock) -> None:
        _refuse_ambient()
        self.options = options
        self._installation = installation
        self._clock = clock
        self._wire = Wire(options)
        self._lock = threading.RLock()
        self._login: Login | None = None
        self._unwrapped: SecretValue | None = None
        self._may_not_look = False
        self._children: dict[str, Login] = {}

    def call(
        self,
        method: str,
        path: str,
        *,
        under: PermissionSet,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        meanings: Meanings | None = None,
    ) -> Answer:
        """One request under that set; see `Wire.send`."""
        token = self._token(under)
        with self._forgotten_if_over(token):
            return self.send(
                method, path, token=token, body=body, repeatable=repeatable, meanings=meanings
            )

    def send(
        self,
        method: str,
        path: str,
        *,
        token: SecretValue | None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        meanings: Meanings | None = None,
    ) -> Answer:
        """The same with another token, or with none: a probe's login."""
        return self._wire.send(
            method,
            path,
            token=token,
            body=body,
            namespace=self.options.namespace,
            repeatable=repeatable,
            meanings=meanings,
        )

    def own_credential(self) -> OwnCredential:
        """The age and the end of our secret id, where we may look it up; else those of the
        token."""
        auth = self.options.auth
        seen = self.call("GET", "auth/token/lookup-self", under=OBSERVE).data
        if auth == "approle":
            role = (seen.get("meta") or {}).get("role_name")
            return self._secret_id(str(role)) or OwnCredential(kind="secret id")
        kind = "token" if auth == "token" else f"{auth} login"
        if auth != "token":
            return OwnCredential(kind=kind)
        return OwnCredential(
            kind=kind,
            id=seen.get("accessor"),
            created=datetime.fromtimestamp(seen["creation_time"], UTC),
            expires=vault_time(seen.get("expire_time")),
        )

    def _secret_id(self, role: str) -> OwnCredential | None:
        """None where we may not look up our own secret id, which is usual. A refusal is remembered:
        a heartbeat asks every minute, and each would be an alarm in somebody's audit log."""
        if self._may_not_look:
            return None
        try:
            found = Role(self, self.options.mount, role).look_up_value(self._given(), OBSERVE)
        except RotationError as error:
            self._may_not_look = isinstance(error, Denied)
            return None
        if found is None:
            return None
        return OwnCredential(
            kind="secret id", id=found.accessor, created=found.created, expires=found.expires
        )

    def close(self) -> None:
        """Revokes the tokens that the runner took. A token from a file is not ours to revoke, only
        those that we took with it."""
        with self._lock:
            login, self._login = self._login, None
            children = list(self._children.values())
            self._children.clear()
            if login is not None:
                # Tokens of our own login end with it.
                for each in children if self.options.auth == "token" else [login]:
                    with suppress(RotationError):  # then it ends by itself, soon
                        self.send("POST", "auth/token/revoke-self", token=each.token)
            self._wire.close()

    def _token(self, under: PermissionSet) -> SecretValue:
        with self._lock:
            login = self._fresh_login()
            role = self.options.roles.get(under)
            if role is None:
                return login.token
            child = self._children.get(role)
            if child is None or not child.is_fresh(self._clock.now()):
                child = self._children[role] = self._child(login, role)
            return child.token

    def _child(self, login: Login, role: str) -> Login:
        with self._forgotten_if_over(login.token):
            answer = self.send(
                "POST",
                f"auth/token/create/{role}",
                token=login.token,
                body={"display_name": f"rotation-{self._installation}", "ttl": f"{CHILD_LIFE_S}s"},
                meanings=dict.fromkeys(("400", errors.DENIED), lambda: _no_role(role)),
            )
        return self._read(answer)

    @contextmanager
    def _forgotten_if_over(self, token: SecretValue) -> Iterator[None]:
        """Forgets a token that Vault no longer knows: a child alone, or the login with all its
        children."""
        try:
            yield
        except Transient as error:
            if error.code == "vault.session-over":
                self._forget(token)
            raise

    def _forget(self, token: SecretValue) -> None:
        with self._lock:
            staying = {r: child for r, child in self._children.items() if child.token is not token}
            if len(staying) == len(self._children):
                self._login, staying = None, {}
            self._children = staying

    def _fresh_login(self) -> Login:
        login = self._login
        if login is not None and login.is_fresh(self._clock.now()):
            return login
        self._login = self._renewed(login) if login is not None and login.renewable else None
        if self._login is None:
            self._children.clear()  # they die with the login that made them
            self._check_cluster()
            self._login = self._log_in()
        return self._login

    def _renewed(self, login: Login) -> Login | None:
        """None where another login is needed: refused, over, or close to its maximum life."""
        try:
            answer = self.send("POST", "auth/token/renew-self", token=login.token)
        except RotationError as error:
            usable = isinstance(error, Transient) and error.code != "vault.session-over"
            return login if usable and not login.is_over(self._clock.now()) else None
        renewed = self._read(answer)
        asked = login.life or timedelta()
        return renewed if renewed.life is None or renewed.life >= asked / 2 else None

    def _log_in(self) -> Login:
        options = self.options
        given = self._given()
        refusals = {code: partial(_no_login, options, code) for code in _REFUSED_LOGINS}
        if options.auth == "token":
            look = "auth/token/lookup-self"
            answer = self.send("GET", look, token=given, meanings=refusals)
            seconds = int(answer.data["ttl"])
            life = timedelta(seconds=seconds) if seconds else None
            renewable = answer.data.get("renewable") is True
            return Login(given, self._clock.now(), life, renewable)
        if options.auth == "approle":
            body = {"role_id": options.role, "secret_id": given.reveal()}
        else:
            body = {"role": options.role, "jwt": given.reveal()}
        path = f"auth/{options.mount}/login"
        return self._read(self.send("POST", path, token=None, body=body, meanings=refusals))

    def _read(self, answer: Answer) -> Login:
        auth = answer.body.get("auth") or {}
        if not auth.get("client_token"):
            raise errors.no_answer("a login", repeatable=True)
        seconds = auth["lease_duration"]
        return Login(
            SecretValue(auth["client_token"]),
            self._clock.now(),
            timedelta(seconds=seconds) if seconds else None,
            auth["renewable"],
        )

    def _given(self) -> SecretValue:
        """What we log in with. A wrapping token works only once, so its content is kept."""
        if self._unwrapped is not None:
            return self._unwrapped
        given = _read_file(self.options)
        if self.options.wrapped:
            self._unwrapped = given = self._unwrap(given)
        return given

    def _unwrap(self, wrapping: SecretValue) -> SecretValue:
        """Accepts only what Vault's own secret id endpoint wrapped: another wrapping may be a
        trap."""
        used = dict.fromkeys(("400", errors.DENIED, errors.BAD_LOGIN), _was_unwrapped)
        body = {"token": wrapping.reveal()}
        look = self.send("POST", "sys/wrapping/lookup", token=None, body=body, meanings=used)
        pattern = _WRAPPED_BY.format(mount=re.escape(self.options.mount))
        if re.fullmatch(pattern, str(look.data.get("creation_path"))) is None:
            raise Denied(
                "vault.wrapped-elsewhere",
                "the wrapping token was not made for a secret id of this mount; it was not used",
                "find out who wrote that file",
            )
        answer = self.send(
            "POST", "sys/wrapping/unwrap", token=wrapping, meanings=used, repeatable=False
        )
        return SecretValue(answer.data["secret_id"])

    def _check_cluster(self) -> None:
        """Asked without a token and outside any namespace, because no token is sent before this."""
        look = "sys/health?standbyok=true&perfstandbyok=true&sealedcode=299&uninitcode=299"
        answer = self._wire.send("GET", look, token=None)
        if answer.body.get("sealed") is not False:
            raise errors.sealed("GET sys/health")
        if self.options.namespace is not None and answer.body.get("enterprise") is False:
            raise NeedsPerson(
                "vault.no-namespaces",
                "this Vault has no namespaces and would apply every call to its root",
                "leave `namespace` out, or correct `address`",
            )
        if answer.body.get("cluster_id") != self.options.cluster:
            raise NeedsPerson(
                "vault.wrong-cluster",
                "the cluster at this address is not the one that the connection names",
                "correct `address` or `cluster`; nothing but this request was sent",
            )


def _read_file(options: ConnectionOptions) -> SecretValue:
    path = Path(options.file)
    try:
        return SecretValue(read_word(path))
    except OSError as error:
        raise Denied(
            "vault.login-file",
            f"the file that we log in to Vault with is not used: {path}: {error.strerror}",
            "only root or the runner may own and change it; let its provider write it again",
        ) from None


def _no_login(options: ConnectionOptions, code: str) -> RotationError:
    """Vault says it plainly only for its own secret ids and tokens; a locked role or a policy looks
    like any denial."""
    known = code in (errors.BAD_SECRET_ID, errors.SESSION_OVER)
    refusal = LoginRefused if known else Denied
    return refusal(
        "vault.credentials",
        f"Vault does not accept our login at auth/{options.mount}",
        "renew what the connection logs in with, then `rotation doctor`",
    )


def _no_role(role: str) -> RotationError:
    return Denied(
        "vault.no-role",
        f"our login may not take the token role {role}, or there is none of that name",
        "create it, and let our login `update` auth/token/create/ROLE; `claim` is an operator's, who "
        "logs in otherwise",
    )


def _was_unwrapped() -> RotationError:
    return Denied(
        "vault.unwrapped",
        "the wrapping token is used up or over: somebody may have taken the secret id",
        "unless it was an earlier start of this runner, destroy that secret id; provide a new one",
    )


def _refuse_ambient() -> None:
    """Variables that would write down what is encrypted, or log in elsewhere."""
    for name in ("NETRC", "SSLKEYLOGFILE"):
        if name in os.environ:
            raise UsageError(
                "vault.ambient",
                f"{name} is set, which is not allowed for a runner of production credentials",
                f"unset {name}",
            )
