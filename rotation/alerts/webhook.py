"""A route that is a signed POST: to one address, once, and only a 2xx is a receipt.

No proxy and no login comes from the environment, and no redirect is followed: `http.client` knows
neither. Whatever is said of a try names the route and never its address, which may be a secret.
"""

import os
import ssl
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from rotation.alerts.reach import Encrypted, Plain
from rotation.config.routes import FILE, Route, is_safe_url
from rotation.errors import Denied, Refused, Transient
from rotation.runtime.deadline import Deadline
from rotation.runtime.ownership import read_word
from rotation.types import SecretValue


def post(route: Route, body: str, id_: str, now: datetime) -> str:
    """What it answered."""
    url, headers = _url(route), _headers(route, body, id_, now)
    parts = urlsplit(url.reveal())
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(route, parts.scheme, parts.hostname or "", parts.port)
    asked = False
    try:
        with Deadline(route.timeout_s) as deadline:
            deadline.watch(connection)
            connection.connect()
            deadline.watch(connection)
            asked = True
            connection.request("POST", target, body=body.encode(), headers=headers)
            status = connection.getresponse().status
    except (HTTPException, OSError, ValueError) as error:
        raise _unanswered(route, error, asked=asked) from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Refused(
            "alerts.not-accepted",
            f"route {route.id} answered {status}, which is no receipt",
            "only 2xx is a receipt, and no redirect is followed",
        )
    return f"it answered {status}"


def _unanswered(route: Route, error: Exception, *, asked: bool) -> Transient:
    name = type(error).__name__
    if asked:
        return Transient(
            "alerts.no-receipt",
            f"route {route.id} may have the message and gave no receipt ({name})",
            "look at its receiver: the same message comes again under the same id",
        )
    return Transient(
        "alerts.no-answer",
        f"route {route.id} does not answer ({name})",
        "look at its receiver and the way to it",
    )


def _headers(route: Route, body: str, id_: str, now: datetime) -> dict[str, str]:
    from standardwebhooks import Webhook  # noqa: PLC0415 -- only who sends pays for it

    key = _word(route, route.secret or "")
    try:
        signature = Webhook(key.reveal()).sign(id_, now, body)
    except Exception:  # noqa: BLE001 -- the library's own, and its text may hold the key
        signature = ""
    if not signature:
        raise Denied(
            "alerts.bad-key",
            f"the key of route {route.id} is no key of Standard Webhooks",
            "write `whsec_` and base64 into the file that `secret:` names",
        )
    return {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "rotation",
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def _url(route: Route) -> SecretValue:
    given = route.url or ""
    url = _word(route, given) if FILE.fullmatch(given) else SecretValue(given)
    if not is_safe_url(url.reveal()):
        raise Denied(
            "alerts.bad-url",
            f"the address of route {route.id} is not https, or has a login in it",
            "write https://... into the file that `url:` names",
        )
    return url


def _word(route: Route, file: str) -> SecretValue:
    """Read afresh, so that a new one needs no restart."""
    path = Path(os.environ.get(file[1:], "") if file.startswith("$") else file)
    try:
        return SecretValue(read_word(path))
    except OSError as error:
        raise Denied(
            "alerts.no-credential",
            f"a file of route {route.id} is not used: {error.strerror}",
            "it must belong to root or to the runner, and only they may change it; one line",
        ) from None


def _connection(route: Route, scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "http":
        return Plain(host, port, route.timeout_s)
    return Encrypted(host, port, route.timeout_s, _tls())


def _tls() -> ssl.SSLContext:
    """Trusts the authorities of the system, never those that the environment names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = ssl.get_default_verify_paths()
    file, directory = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    try:
        context.load_verify_locations(
            file if file.is_file() else None, directory if directory.is_dir() else None
        )
    except (OSError, TypeError):
        raise Denied(
            "alerts.no-authorities",
            "this system has no certificate authorities to trust; nothing was sent",
            "install the system's package of certificates",
        ) from None
    return context
