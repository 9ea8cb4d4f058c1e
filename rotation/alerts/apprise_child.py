"""The process that sends by apprise: its input says what, its exit code how it went.

A library of a hundred services reads the environment, logs addresses, follows redirects and keeps its
own time. None of that outlives this process, which has no environment and is ended in time.
"""

import json
import logging
import signal
import sys
from typing import Any

from rotation.types import is_loopback

LEFT_S = 2
SENT, REFUSED, NO_URL, OPEN, MISSING = 0, 1, 3, 4, 5


def main() -> int:
    given = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)
    try:
        from apprise import Apprise, AppriseAsset, NotifyFormat  # noqa: PLC0415 -- an extra
    except ImportError:
        return MISSING
    signal.alarm(int(given["seconds"]) + LEFT_S)  # where the runner that would end it was killed
    asset = AppriseAsset(http_redirects=False, async_mode=False, storage_mode="memory")
    service = Apprise.instantiate(given["url"], asset=asset)
    if service is None:
        return NO_URL
    if not _is_safe(service):
        return OPEN
    service.redirects = False
    service.socket_connect_timeout = service.socket_read_timeout = float(given["seconds"])
    sent = service.notify(
        body=given["body"], title=given["title"], notify_type=given["type"],
        body_format=NotifyFormat.TEXT,
    )  # fmt: skip
    return SENT if sent else REFUSED


# These send everything in the clear, whatever their address says.
IN_THE_CLEAR = frozenset({"aprs", "dapnet", "growl", "kavenegar", "rsyslog", "smpp"})
# These call the host of their address and no other.
AT_THEIR_HOST = frozenset(
    {"apprise", "form", "gotify", "growl", "json", "mmost", "mqtt", "rocket", "rsyslog", "signal",
     "smpp", "xml"}
)  # fmt: skip


def _is_safe(service: Any) -> bool:
    """Encrypted and verified, where the service knows both ways; or to this machine."""
    names = _names(service)
    if is_loopback(_peer(service, names)):
        return True
    chooses = bool(service.protocol and service.secure_protocol)
    encrypted = service.secure or not chooses
    open_ = getattr(service, "secure_mode", None) in ("insecure", "none")
    verified = bool(service.verify_certificate)
    return bool(verified and encrypted and not open_ and not names & IN_THE_CLEAR)


def _names(service: Any) -> set[str]:
    """The schemes of its addresses."""
    found: set[str] = set()
    for names in (service.protocol, service.secure_protocol):
        found.update((names,) if isinstance(names, str) else names or ())
    return found


def _peer(service: Any, names: set[str]) -> str:
    """The host that it calls; nothing where it may be another than that of its address."""
    if hasattr(service, "smtp_host"):
        return str(service.smtp_host or "")
    return str(service.host or "") if names & AT_THEIR_HOST else ""


if __name__ == "__main__":
    sys.exit(main())
