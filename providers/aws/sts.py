"""A login at AWS: GetCallerIdentity, signed with the credentials to be tested.

The request is signed and sent by hand, with the SDK's own signer and HTTP session. A client for
each login would take 3 ms of processor time instead of 0.2, and a rotation's nine logins would then
use half of the overhead that the product may add to the bare calls (`python -m benchmarks`: 1.05).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from providers.aws import errors
from providers.aws.errors import translated
from rotation.errors import NeedsPerson, Permanent
from rotation.types import Fields, Verdict

if TYPE_CHECKING:
    from providers.aws.clients import AwsConnection
    from providers.aws.options import StsOptions
    from rotation.interfaces import PluginContext

_CALL = "sts:GetCallerIdentity"
_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_ACCOUNT = re.compile(r"<Account>(\d{12})</Account>")
_USER = re.compile(r"<Arn>arn:[^<]*:user/(?:[^<]*/)?([^</]+)</Arn>")
_CODE = re.compile(r"<Code>([\w.]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


@dataclass(frozen=True, slots=True)
class Answer:
    """account: whose the credentials are; user: the user, if they are a user's. refusal: the code,
    if they are refused."""

    account: str | None
    refusal: str | None = None
    user: str | None = None


class CallerIdentity:
    """Asks STS whose credentials these are. One HTTP session, shared by all threads."""

    def __init__(self, url: str, region: str, http: URLLib3Session, user_agent: str) -> None:
        self._url = url
        self._region = region
        self._http = http
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": user_agent,
        }

    def ask(self, credentials: ReadOnlyCredentials) -> Answer:
        """An account or a refusal; anything else raises."""
        request = AWSRequest("POST", self._url, dict(self._headers), _BODY)
        SigV4Auth(credentials, "sts", self._region).add_auth(request)
        with translated(_CALL, of="itself", repeatable=True):
            response = self._http.send(request.prepare())
            return _read(response.status_code, response.text, response.headers)


def _read(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    if status == 200 and (account := _ACCOUNT.search(text)):
        user = _USER.search(text)
        return Answer(account[1], user=user and user[1])
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code is None or message is None:
        raise errors.no_answer(_CALL, "itself", repeatable=True)
    if errors.is_skewed(code[1], message[1]):
        raise errors.clock_skew(_CALL)
    if code[1] in errors.UNKNOWN_KEY | errors.WRONG_SIGNATURE:
        return Answer(None, code[1])
    if code[1] in errors.THROTTLED:
        raise errors.throttled(_CALL, headers)
    if status >= 500:
        raise errors.no_answer(_CALL, "itself", repeatable=True)
    raise errors.refused(code[1], _CALL, "itself")


class StsProbe:
    """Shows that AWS accepts an access key, and nothing about its permissions."""

    def __init__(self, options: StsOptions, context: PluginContext) -> None:
        self._connection: AwsConnection = context.connections[options.connection]

    def login(self, fields: Fields) -> Verdict:
        return self._verdict(*_pair(fields))

    def wrong(self, fields: Fields) -> Verdict:
        key_id, secret = _pair(fields)
        return self._verdict(key_id, secret[:-1] + ("B" if secret.endswith("A") else "A"))

    def _verdict(self, key_id: str, secret: str) -> Verdict:
        answer = self._connection.caller_identity.ask(ReadOnlyCredentials(key_id, secret, None))
        if answer.account is None:
            return Verdict.REFUSED
        if answer.account != self._connection.options.account:
            raise NeedsPerson(
                "probe.wrong-account",
                f"the credential logs in, but at account {answer.account} and not at "
                f"{self._connection.options.account}",
                "find out who put it there; nothing was changed",
            )
        return Verdict.ACCEPTED


def _pair(fields: Fields) -> tuple[str, str]:
    try:
        return fields.public["access_key_id"], fields.secret["secret_access_key"].reveal()
    except KeyError:
        raise Permanent(
            "probe.missing-field",
            "aws-sts logs in with access_key_id and secret_access_key, and one is missing",
            "name both in the secret's `fields:`",
        ) from None
