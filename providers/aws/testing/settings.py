"""What a strict AWS is started with, and the credential that its tests begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential of the double. None of them opens anything else in the world."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def of(cls, made: Mapping[str, Any]) -> Credential:
        """The credential in an answer: an `AccessKey`, or the `Credentials` of a session."""
        return cls(made["AccessKeyId"], made["SecretAccessKey"], made.get("SessionToken"))


ADMIN_NAME = "administrator"
# An IAM user that may do everything except what a test denies by name.
ADMIN = Credential("AKIASTRICTAWSEXAMPLE", "not-a-secret/strict-aws-administrator")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything else is changed while it runs, through the control plane."""

    account: str = "123456789012"
    region: str = "eu-central-1"
    port: int = 0
    latency_ms: float = 0.0
