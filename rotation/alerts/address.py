"""Calls an address that may be a secret: once, exactly there, and only a 2xx is a receipt.

No proxy and no login comes from the environment, and no redirect is followed: `http.client` knows
neither. Whatever is said of a try names whose address it is, never the address.
"""

import os
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from rotation.alerts.reach import Encrypted, Plain
from rotation.config.routes import FILE, is_safe_url
from rotation.errors import Denied, Refused, Transient
from rotation.runtime.deadline import Deadline
from rotation.runtime.ownership import read_word
from rotation.types import SecretValue

TOO_MANY = 429


def send(
    whose: str, method: str, url: SecretValue, headers: Mapping[str, str], timeout_s: int,
    body: bytes | None = None,
) -> int:  # fmt: skip
    """The status that it answered."""
    parts = urlsplit(url.reveal())
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts, timeout_s)
    asked = False
    try:
        with Deadline(timeout_s) as deadline:
            deadline.watch(connection)
            connection.connect()
            deadline.watch(connection)
            asked = True
            connection.request(method, target, body=body, headers=dict(headers))
            status = connection.getresponse().status
    except (HTTPException, OSError, ValueError) as error:
        raise _unanswered(whose, error, asked=asked) from None
    finally:
        connection.close()
    if status >= 500 or status == TOO_MANY:
        raise Transient(
            "alerts.unavailable",
            f"{whose} answered {status}, which is no receipt",
            "look at its receiver: it is in trouble itself",
        )
    if not 200 <= status < 300:
        raise Refused(
            "alerts.not-accepted",
            f"{whose} answered {status}, which is no receipt",
            "only 2xx is a receipt, and no redirect is followed",
        )
    return status


def _unanswered(whose: str, error: Exception, *, asked: bool) -> Transient:
    name = type(error).__name__
    if asked:
        return Transient(
            "alerts.no-receipt",
            f"{whose} may have the message and gave no receipt ({name})",
            "look at its receiver: the same message comes again under the same id",
        )
    return Transient(
        "alerts.no-answer",
        f"{whose} does not answer ({name})",
        "look at its receiver and the way to it",
    )


def url_of(whose: str, given: str) -> SecretValue:
    """The address itself, where `given` names its file."""
    url = word(whose, given) if FILE.fullmatch(given) else SecretValue(given)
    if not is_safe_url(url.reveal()):
        raise Denied(
            "alerts.bad-url",
            f"the address of {whose} is not https, or has a login in it",
            "write https://... into the file that `url:` names",
        )
    return url


def word(whose: str, file: str) -> SecretValue:
    """Read afresh, so that a new one needs no restart."""
    try:
        return SecretValue(read_word(named(file)))
    except OSError as error:
        raise Denied(
            "alerts.no-credential",
            f"a file of {whose} is not used: {error.strerror}",
            "it must belong to root or to the runner, and only they may change it; one line",
        ) from None


def named(file: str) -> Path:
    """The file; of `$NAME` the one that this variable names."""
    return Path(os.environ.get(file[1:], "") if file.startswith("$") else file)


def _connection(parts: SplitResult, timeout_s: int) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return Plain(host, parts.port, timeout_s)
    return Encrypted(host, parts.port, timeout_s, _tls())


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
