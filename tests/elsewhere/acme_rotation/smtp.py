"""Logins at a mail relay: the id of an access key, and a password that is made of its secret."""

import base64
import hashlib
import hmac
from dataclasses import replace

from providers.aws.iam_access_key import AccessKeyIssuer
from rotation.types import Credential, Fields, SecretValue


class SmtpIssuer(AccessKeyIssuer):
    def issue(self, attempt: str) -> Credential:
        key = super().issue(attempt)
        secret = key.fields.secret["secret_access_key"].reveal().encode()
        password = base64.b64encode(hmac.digest(secret, b"SendRawEmail", hashlib.sha256)).decode()
        fields = Fields(
            public={"username": key.handle.id}, secret={"password": SecretValue(password)}
        )
        return replace(key, fields=fields)

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["username"]
