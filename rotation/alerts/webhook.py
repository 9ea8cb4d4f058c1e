"""A route that is a signed POST."""

from datetime import datetime

from rotation.alerts.address import send, url_of, word
from rotation.config.routes import Route
from rotation.errors import Denied


def post(route: Route, body: str, id_: str, now: datetime) -> str:
    """What it answered."""
    whose = f"route {route.id}"
    url, headers = url_of(whose, route.url or ""), _headers(route, body, id_, now)
    status = send(whose, "POST", url, headers, route.timeout_s, body.encode())
    return f"it answered {status}"


def _headers(route: Route, body: str, id_: str, now: datetime) -> dict[str, str]:
    from standardwebhooks import Webhook  # noqa: PLC0415 -- only who sends pays for it

    key = word(f"route {route.id}", route.secret or "")
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
