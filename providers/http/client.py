"""A connection: one origin, whose address is looked up, checked and pinned for each call.

Nothing is taken from the environment: no proxy, no .netrc, no certificates. No redirect is
followed, nothing is repeated, and a call that does not end is cut off.
"""

import base64
import json
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from providers.http import digest, errors
from providers.http.address import resolve
from providers.http.errors import Call
from providers.http.options import ConnectionOptions
from rotation import __version__
from rotation.errors import Denied, Permanent, UsageError
from rotation.interfaces import Clock, OwnCredential
from rotation.runtime.deadline import CALL_S, Deadline, TooLong, read_answer
from rotation.runtime.headers import header_time
from rotation.runtime.ownership import read_word
from rotation.types import PermissionSet, SecretValue

# For all the calls of one method together, below the 20 seconds that the contract allows.
METHOD_S = CALL_S
# What a gateway says in the place of its service.
_AWAY = frozenset({502, 503, 504})
CONNECT_S = 5.0


class Budget:
    """The time that is left to one method."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = time.monotonic() + (METHOD_S if seconds is None else seconds)

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def half(self) -> "Budget":
        return Budget(self.left / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request, rendered. path: with its query. login: user and password for basic or digest."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    document: Any = field(default=None, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    uses_digest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """headers: lower case. body: may hold a secret, so repr does not show it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def at(self) -> datetime | None:
        """The time on the service's own clock."""
        return header_time(self.headers.get("date", ""))

    def document(self, call: Call) -> Any:
        """The body as JSON. Raises for an error page that has a success status."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise errors.bad_answer(call) from None


class HttpConnection:
    """One API, for all threads. Each call opens its own connection: the service may close a kept
    one at any time, and then nobody knows whether the call arrived."""

    def __init__(self, options: ConnectionOptions, *, installation: str, clock: Clock) -> None:
        url = urlsplit(options.origin)
        self.options = options
        self.host = url.hostname or ""
        self.secure = url.scheme == "https"
        self.port = url.port or (443 if self.secure else 80)
        self._tls = _tls(options) if self.secure else None

    def credentials(self, under: PermissionSet) -> dict[str, SecretValue]:
        """The login, read again for each call, so that the runner needs no restart after it was
        rotated."""
        files = {**self.options.credentials, **self.options.roles.get(under, {})}
        return {name: _read_credential(name, file) for name, file in files.items()}

    def own_credential(self) -> OwnCredential:
        """There is no request by which every API would tell whose credential it got, so the service
        is only asked whether it answers, and without one."""
        self.credentials(PermissionSet.OBSERVE)
        call = Call("ask whether it answers")
        answer = self.send(Sent(method="HEAD", path="/"), call, Budget())
        if answer.status in _AWAY:
            raise errors.no_answer(call)
        return OwnCredential(kind="API credential", accepted=None)

    def close(self) -> None:
        """Does nothing: no connection stays open."""

    def send(self, sent: Sent, call: Call, budget: Budget) -> Answer:
        """Sends the request once. With digest it is sent once more with the answer to the
        challenge, because the first one was refused for lack of it."""
        if sent.login is not None and not sent.uses_digest:
            pair = base64.b64encode(":".join(sent.login).encode()).decode()
            sent = replace(sent, headers={**sent.headers, "Authorization": f"Basic {pair}"})
        answer = self._send_once(sent, call, budget)
        if not sent.uses_digest or sent.login is None or answer.status != 401:
            return answer
        user, password = sent.login
        proof = digest.answer(
            answer.headers.get("www-authenticate", ""),
            user=user, password=password, method=sent.method, path=sent.path,
        )  # fmt: skip
        if proof is None:
            return answer
        sent = replace(sent, headers={**sent.headers, "Authorization": proof})
        return self._send_once(sent, call, budget)

    def _send_once(self, sent: Sent, call: Call, budget: Budget) -> Answer:
        body = None if sent.document is None else json.dumps(sent.document).encode()
        headers = self._headers(sent, body)
        connection = self._connected(call, budget)
        try:
            with Deadline(budget.left) as deadline:
                deadline.watch(connection)
                connection.request(
                    sent.method, sent.path, body=body, headers=headers,
                    preload_content=False, decode_content=False,
                )  # fmt: skip
                response = connection.getresponse()
                return Answer(
                    status=response.status,
                    headers=_headers_of(response),
                    body=read_answer(response.read),
                )
        except TooLong:
            raise errors.bad_answer(call) from None
        except (HTTPError, HTTPException, OSError, ValueError):
            # HTTPError covers broken and truncated answers; ValueError: the socket was shut down.
            raise errors.no_answer(call) from None
        finally:
            connection.close()

    def _headers(self, sent: Sent, body: bytes | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": f"rotation/{__version__}",
            **({} if body is None else {"Content-Type": "application/json"}),
            **sent.headers,
            "Host": urlsplit(self.options.origin).netloc,
        }
        if not all(map(_is_header_text, headers.values())):
            raise Permanent(
                "http.header",
                "a credential has characters that are not allowed in a header; nothing was sent",
                "look at the file that the connection's `credentials:` names",
            )
        return headers

    def _connected(self, call: Call, budget: Budget) -> HTTPConnection:
        """Connects to the first address that answers; nothing is sent yet."""
        addresses = resolve(
            self.host, self.port, self.options.networks, loopback=self.options.is_loopback
        )
        for address in addresses:
            if budget.left < 1:
                break
            connection = self._open(address, min(CONNECT_S, budget.left))
            try:
                with Deadline(budget.left) as deadline:
                    deadline.watch(connection)
                    connection.connect()
            except (HTTPError, OSError, ValueError):
                connection.close()
                continue
            connection.timeout = max(budget.left, 0.1)
            return connection
        raise errors.unreachable(call.what)

    def _open(self, address: str, timeout: float) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(address, self.port, timeout=timeout)
        return HTTPSConnection(
            address,
            self.port,
            timeout=timeout,
            ssl_context=self._tls,
            server_hostname=self.host,
            assert_hostname=self.host,
        )


def _tls(options: ConnectionOptions) -> ssl.SSLContext:
    """Trusts the named authorities, or this system's; never what the environment names."""
    if "SSLKEYLOGFILE" in os.environ:
        raise UsageError(
            "http.ambient",
            "SSLKEYLOGFILE is set, which is not allowed for a runner of production credentials",
            "unset SSLKEYLOGFILE",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = ssl.get_default_verify_paths()
    file, directory = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    try:
        if options.ca_file is not None:
            context.load_verify_locations(options.ca_file)
        else:
            context.load_verify_locations(
                file if file.is_file() else None, directory if directory.is_dir() else None
            )
    except (OSError, TypeError):
        raise UsageError(
            "http.no-authorities",
            "the certificate authorities to trust cannot be read",
            "name a readable file in the connection's `ca_file:`",
        ) from None
    return context


def _read_credential(name: str, file: str) -> SecretValue:
    path = Path(os.environ.get(file[1:], "") if file.startswith("$") else file)
    try:
        return SecretValue(read_word(path))
    except OSError as error:
        raise Denied(
            "http.no-credential",
            f"the file of the connection's credential `{name}` is not used: {error.strerror}",
            "it must belong to root or to the runner, and only they may change it; one line",
        ) from None


def _is_header_text(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _headers_of(response: BaseHTTPResponse) -> dict[str, str]:
    """Several headers of one name become one list."""
    names = {name.lower() for name in response.headers}
    return {name: ", ".join(response.headers.getlist(name)) for name in names}
