"""What goes over the wire: a CloudEvent, the same for every kind of route."""

import hashlib
import json
from datetime import datetime

from rotation.alerts.alert import Alert, safe
from rotation.errors import Permanent
from rotation.journal.entries import stamp
from rotation.types import contains_live_value


def id_of(alert: Alert, raised_at: datetime, state: str, sent: int) -> str:
    """The same for a message that is sent again because nobody knows whether it arrived; another
    one where the alert ended and is raised again."""
    key = "\0".join((*alert.key, str(stamp(raised_at))))
    key = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key}.{state}.{sent}"


def as_json(alert: Alert, state: str, id_: str, installation: str, host: str, now: datetime) -> str:
    """Raises where a secret is in it: then nothing is sent."""
    said = alert.said()
    if state == "resolved":
        said |= {
            "why": None,
            "works": None,
            "until": None,
            "next": None,
        }  # they were about what is over
    data = {
        "state": state,
        "severity": alert.severity,
        "sentence": alert.kind.sentence,
        "text": alert.text(state, host),
        "host": safe(host),
        **{name: said[name] for name in said if name not in ("stream", "episode")},
    }
    text = json.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": f"urn:rotation:{installation}",
            "type": f"rotation.alert.{alert.event}",
            "subject": said["secret"],
            "time": stamp(now),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
    if contains_live_value(text):
        raise Permanent(
            "alerts.secret-refused",
            "an alert would have held a secret value; it was not sent",
            "report this as a bug; `rotation alerts` shows the alert",
        )
    return text
