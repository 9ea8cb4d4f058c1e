"""Signature Version 4, verified: what a request claims, and whether its secret made it.

Only signatures in the `Authorization` header are known; nothing here signs URLs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from providers.aws.testing import refusals
from providers.aws.testing.refusals import Refusal

if TYPE_CHECKING:
    from providers.aws.testing.wire import Request

TOLERANCE = timedelta(minutes=5)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/]+)"
    r"/(?P<service>[^/]+)/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+)"
    r",\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the `Authorization` header says, before anyone believes it."""

    access_key_id: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str | None

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def read_claim(request: Request) -> Claim:
    """The claim of a request; refuses one that is missing or malformed."""
    header = request.headers.get("authorization")
    if header is None:
        raise refusals.unsigned("secretsmanager" if "x-amz-target" in request.headers else "iam")
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise Refusal("IncompleteSignature", "Authorization header is not a SigV4 header.", 403)
    return Claim(
        access_key_id=match["key"],
        day=match["day"],
        region=match["region"],
        service=match["service"],
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
        session_token=request.headers.get("x-amz-security-token"),
    )


def check_date(request: Request, claim: Claim, now: datetime) -> None:
    """Refuses a signature made too long ago, or in the future."""
    stamp = request.headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(
            "IncompleteSignature", "Date must be in ISO-8601 basic format.", 403
        ) from None
    if not stamp.startswith(claim.day):
        raise refusals.wrong_date(claim.service, "Date in Credential scope does not match.")
    if signed_at < now - TOLERANCE:
        raise refusals.wrong_date(
            claim.service,
            f"Signature expired: {stamp} is now earlier than {now - TOLERANCE:%Y%m%dT%H%M%SZ}",
        )
    if signed_at > now + TOLERANCE:
        raise refusals.wrong_date(
            claim.service,
            f"Signature not yet current: {stamp} is still later than {now + TOLERANCE:%Y%m%dT%H%M%SZ}",
        )


def check_signature(request: Request, claim: Claim, secret: str) -> None:
    """Refuses a request that was not signed with this secret."""
    canonical = hashlib.sha256(_canonical(request, claim).encode()).hexdigest()
    stamp = request.headers["x-amz-date"]
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{claim.scope}\n{canonical}"
    key = _signing_key(secret, claim.day, claim.region, claim.service)
    if not hmac.compare_digest(_hmac(key, text).hex(), claim.signature):
        raise refusals.wrong_signature(claim.service)


def _canonical(request: Request, claim: Claim) -> str:
    headers = [f"{n}:{' '.join(request.headers.get(n, '').split())}" for n in claim.signed_headers]
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )
    return "\n".join(
        (
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in query),
            *headers,
            "",
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@lru_cache(maxsize=1024)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key
