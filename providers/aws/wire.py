"""Requests to AWS: sent by the SDK, within a deadline, with answers up to a limit."""

import socket
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from urllib3.exceptions import HTTPError

from providers.aws.options import ConnectionOptions
from rotation.runtime.deadline import CALL_S, Deadline, Watched, read_answer

# The SDK never repeats a call: the machine does, and it knows whether it may.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5, 10

POOL = 64


class _Connection(Watched, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(Watched, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Wire(URLLib3Session):
    """One session for all clients of a connection, and for all threads."""

    def __init__(self, options: ConnectionOptions) -> None:
        options_of_sockets: Any = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ]
        timeouts: Any = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        verify: Any = options.ca_bundle or True
        super().__init__(
            verify=verify,
            proxies=proxies(options),
            timeout=timeouts,
            max_pool_connections=POOL,
            socket_options=options_of_sockets,
        )
        pools: Any = vars(self)["_pool_classes_by_scheme"]
        pools.update(http=_Pool, https=_TlsPool)

    def carries(self, session: Session) -> None:
        """Sends all requests of the session's clients this way, including those for a login."""
        instead: Any = self._instead
        session.register("before-send", instead)

    def _instead(self, request: AWSPreparedRequest, **_: object) -> Any:
        return self.send(request)

    def send(self, request: Any) -> AWSResponse:
        request.stream_output = True  # read here, up to the limit
        response = None
        try:
            with Deadline(CALL_S):
                response = super().send(request)
                body = read_answer(response.raw.read)
        except BotoCoreError:
            raise  # some of these errors are OSErrors too
        except (HTTPError, OSError) as error:
            if response is not None:
                response.raw.close()
            raise HTTPClientError(error=type(error).__name__) from None
        headers: Any = response.headers
        whole: Any = _Whole(body)
        return AWSResponse(response.url, response.status_code, headers, whole)


class _Whole:
    """An answer that was read completely."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body


def proxies(options: ConnectionOptions) -> dict[str, Any]:
    """Never None, because then the SDK would read the environment."""
    return {"http": options.proxy, "https": options.proxy} if options.proxy else {}
