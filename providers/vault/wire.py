"""Requests to one cluster: sent once, within a deadline, and only to hosts that the configuration
names."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from hvac.adapters import RawAdapter
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, SSLError

from providers.vault import errors
from providers.vault.errors import Meanings
from providers.vault.options import ConnectionOptions
from rotation.errors import RotationError
from rotation.runtime.deadline import CALL_S, Deadline, Watched, read_answer
from rotation.runtime.headers import header_time, retry_after
from rotation.types import SecretValue

# A standby may forward a call once, so twice this must be less than the deadline.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 7

POOL = 64
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_MERGE = {"Content-Type": "application/merge-patch+json"}

# No library logs anything of a request, whatever level is set on the root logger.
for _name in ("hvac", "requests", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Connection(Watched, HTTPConnection):
    pass


class _TlsConnection(Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """An adapter whose connections a deadline can cut."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Vault's answer. body: its JSON, empty where there was none. server_at: Vault's clock."""

    status: int
    body: Mapping[str, Any]
    server_at: datetime | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        return self.body.get("data") or {}


class Wire:
    """One session for all threads. hvac supplies Vault's headers; what is sent and what an answer
    means is decided here, because hvac's own clients retry, follow redirects and raise the server's
    text."""

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = options.ca_bundle or True
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # a compressed answer could exceed the limit
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter(pool_maxsize=POOL, max_retries=0))

    def send(
        self,
        method: str,
        path: str,
        *,
        token: SecretValue | None,
        body: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        repeatable: bool = True,
        meanings: Meanings | None = None,
    ) -> Answer:
        """Sends one request; `path` without `v1/`. Raises only our errors.

        repeatable: sending it again makes the same thing true, so a lost answer is no reason to
        look first. meanings: what a code of `errors.code_of` means for this call.
        """
        call = f"{method} {path.partition('?')[0]}"
        headers = {} if token is None else {"X-Vault-Token": token.reveal()}
        if method == "PATCH":
            headers |= _MERGE
        request = {"method": method, "url": f"v1/{path}", "headers": headers, "json": body}
        at = self._options.address
        try:
            with Deadline(CALL_S):
                response, content = self._try(at, namespace, request, call, repeatable=repeatable)
                if response.status_code in (301, 302, 303, 307, 308):
                    at = self._named(response.headers.get("Location", ""), call)
                    response, content = self._try(
                        at, namespace, request, call, repeatable=repeatable
                    )
        except TimeoutError:
            raise errors.no_answer(call, repeatable=repeatable) from None
        return _understood(response, content, call, meanings or {}, repeatable=repeatable)

    def close(self) -> None:
        self._session.close()

    def _try(
        self,
        at: str,
        namespace: str | None,
        request: Mapping[str, Any],
        call: str,
        *,
        repeatable: bool,
    ) -> tuple[requests.Response, bytes]:
        adapter = RawAdapter(
            base_uri=at,
            session=self._session,
            namespace=namespace,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            allow_redirects=False,
            ignore_exceptions=True,
            strict_http=True,
        )
        response: requests.Response | None = None
        try:
            response = adapter.request(**request, stream=True)
            return response, read_answer(response.raw.read)
        except RequestException as error:
            if _never_left(error):
                raise errors.unreachable(call) from None
            raise errors.no_answer(call, repeatable=repeatable) from None
        except (HTTPError, OSError):
            if response is not None:
                response.close()
            raise errors.no_answer(call, repeatable=repeatable) from None

    def _named(self, location: str, call: str) -> str:
        """The node that a standby names, if the connection names it too."""
        url, own = urlsplit(location), urlsplit(self._options.address)
        if url.scheme == own.scheme and url.netloc in (own.netloc, *self._options.hosts):
            return f"{url.scheme}://{url.netloc}"
        host = url.netloc if _HOST.fullmatch(url.netloc) else "another host"
        raise errors.redirected(call, host)


def _never_left(error: RequestException) -> bool:
    if isinstance(error, ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, NotConnected) and error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, (NewConnectionError, SSLError))


def _understood(
    response: requests.Response, content: bytes, call: str, meanings: Meanings, *, repeatable: bool
) -> Answer:
    body = _json(content)
    if 200 <= response.status_code < 300:
        if body is None:
            raise errors.no_answer(call, repeatable=repeatable)
        return Answer(
            status=response.status_code,
            body=body,
            server_at=header_time(response.headers.get("Date", "")),
        )
    raise _refusal(response, body or {}, call, meanings, repeatable=repeatable)


def _refusal(
    response: requests.Response,
    body: Mapping[str, Any],
    call: str,
    meanings: Meanings,
    *,
    repeatable: bool,
) -> RotationError:
    code = errors.code_of(response.status_code, body.get("errors"))
    if code in meanings:
        return meanings[code]()
    return errors.refused(
        response.status_code,
        code,
        call,
        repeatable=repeatable,
        retry_after=retry_after(response.headers.get("Retry-After", "")),
    )


def _json(content: bytes) -> Mapping[str, Any] | None:
    """None where the body is no JSON object: a proxy's page, an answer that broke off, or an
    endlessly nested one."""
    if not content:
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def vault_time(text: str | None) -> datetime | None:
    """RFC 3339 in any zone; digits beyond microseconds are cut off. None: never, which Vault writes
    as nothing or as the year 1."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)
