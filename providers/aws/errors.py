"""Translates errors of AWS and its SDK into `rotation.errors`, by their codes and never with their
text.

Every branch answers the question: did it happen? A call that was not sent is Transient. A call that
was sent and not answered may have happened: Ambiguous. If repeating it makes the same thing true,
it is Transient as well, because then repeating it is the way out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    LoginError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from rotation.errors import (
    Ambiguous,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
)
from rotation.runtime.headers import header_time, retry_after

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
)
UNKNOWN_KEY = frozenset(
    {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
)
WRONG_SIGNATURE = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
SKEWED = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
_CREDENTIALS = (
    UNKNOWN_KEY
    | WRONG_SIGNATURE
    | EXPIRED
    | {"AuthFailure", "IncompleteSignature", "MissingAuthenticationToken"}
    | {"MissingAuthenticationTokenException", "OptInRequired", "SubscriptionRequiredException"}
)
_BUSY = frozenset(
    {"ConcurrentModification", "ConcurrentModificationException", "EntityTemporarilyUnmodifiable"}
)
_TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})
_KEY_MANAGEMENT = frozenset({"DecryptionFailure", "EncryptionFailure", "KMSAccessDeniedException"})

# Secrets Manager reports a denied key with the code of any other refusal.
_BY_A_KEY = DENIED | {"InvalidRequestException"}
_OF_A_KEY = re.compile(r"Access to KMS|\bkms:[A-Z]|\bKMS key\b|\bkey/[0-9a-f-]{8}", re.ASCII)

_NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
_NO_LOGIN = (
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

# What a service's code means for this one call; it takes precedence over the general meanings.
Meanings = Mapping[str, Callable[[], RotationError]]


@contextmanager
def translated(
    call: str, *, of: str, repeatable: bool, meanings: Meanings | None = None
) -> Iterator[None]:
    """Turns the errors of the SDK calls inside into our own.

    call: the action as IAM names it. of: the resource, in our words. repeatable: sending it again
    makes the same thing true, so a lost answer is no reason to look first.
    """
    try:
        yield
    except ClientError as refusal:
        raise _from_answer(refusal, call, of, meanings or {}, repeatable=repeatable) from None
    except _NEVER_LEFT:
        raise unreachable(call) from None
    except _NO_LOGIN:
        raise Denied(
            "aws.credentials",
            f"{call} on {of} was not sent: there are no usable credentials of ours",
            "correct the connection's `profile` or `credentials_file`; AWS_PROFILE is not read",
        ) from None
    except ParamValidationError:
        # Its text quotes the value, which may be a secret.
        raise Permanent(
            "aws.bad-request",
            f"{call} on {of} was not sent: the SDK refuses its parameters",
            "this is a bug of rotation; please report it with this line",
        ) from None
    except (BotoCoreError, ResponseParserError, KeyError, RecursionError):
        # KeyError: the SDK returns a truncated JSON answer as one without members. RecursionError:
        # an endlessly nested answer.
        raise no_answer(call, of, repeatable=repeatable) from None


def server_time(answer: Mapping[str, Any]) -> datetime | None:
    """The time on AWS's clock when it answered."""
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return header_time(headers.get("date", ""))


def code_of(refusal: ClientError) -> str:
    code: str = refusal.response.get("Error", {}).get("Code", "Unknown")
    return code


def is_skewed(code: str, text: str) -> bool:
    """Whether it is the one condition without a code of its own at IAM, STS and Secrets Manager."""
    return code in SKEWED or (
        code in WRONG_SIGNATURE
        and ("Signature expired" in text or "Signature not yet current" in text)
    )


def _from_answer(
    refusal: ClientError, call: str, of: str, meanings: Meanings, *, repeatable: bool
) -> RotationError:
    code, text = code_of(refusal), refusal.response.get("Error", {}).get("Message", "")
    if code in _BY_A_KEY and _OF_A_KEY.search(text):
        return key_denied(call, of) if code in DENIED else refused("EncryptionFailure", call, of)
    if code in meanings:
        return meanings[code]()
    if is_skewed(code, text):
        return clock_skew(call)
    metadata: Mapping[str, Any] = refusal.response.get("ResponseMetadata", {})
    if code in THROTTLED:
        return throttled(call, metadata.get("HTTPHeaders", {}))
    if metadata.get("HTTPStatusCode", 0) >= 500 or code in _TIMED_OUT:
        return no_answer(call, of, repeatable=repeatable)
    return refused(code, call, of)


def key_denied(call: str, of: str) -> Denied:
    return Denied(
        "aws.key-denied",
        f"{call} on {of} is refused by the secret's KMS key, not by Secrets Manager; nothing was "
        "changed",
        "let our roles use the key (kms:GenerateDataKey, kms:Decrypt) in the key's own policy and "
        "in theirs, and see that it is enabled",
        action=call,
        resource=of,
    )


def refused(code: str, call: str, of: str) -> RotationError:
    if code in DENIED:
        return Denied(
            "aws.denied",
            f"we may not {call} on {of}",
            "compare the role's policies with the grants in docs/security.md",
            action=call,
            resource=of,
        )
    if code in _CREDENTIALS:
        return Denied(
            "aws.credentials",
            f"{call} on {of}: AWS does not accept our own credentials ({code})",
            "renew the connection's credentials, then `rotation doctor`",
        )
    if code in _KEY_MANAGEMENT:
        return NeedsPerson(
            "aws.key-management",
            f"{call} on {of}: its KMS key cannot be used ({code})",
            "enable the key, or allow our roles to use it",
        )
    if code in _BUSY:
        return Transient("aws.busy", f"{call} on {of}: somebody changes it right now", "wait")
    return Permanent(
        "aws.refused", f"AWS refuses {call} on {of} ({code})", "look the code up in AWS's manual"
    )


def throttled(call: str, headers: Mapping[str, str]) -> Transient:
    return Transient(
        "aws.throttled",
        f"{call} was throttled; nothing happened",
        "nothing to do: it is tried again, later",
        retry_after=retry_after(headers.get("retry-after", "")),
    )


def clock_skew(call: str) -> Transient:
    return Transient(
        "aws.clock-skew",
        f"{call} was refused because the clock of this host differs from AWS's; nothing happened",
        "set this host's clock (NTP)",
    )


def unreachable(call: str) -> Transient:
    return Transient(
        "aws.unreachable",
        f"{call} was not sent: AWS cannot be reached",
        "look at network, proxy and name resolution of this host",
    )


def no_answer(call: str, of: str, *, repeatable: bool) -> RotationError:
    if repeatable:
        return Transient(
            "aws.no-answer",
            f"{call} on {of} was not answered; it is safe to send again",
            "nothing to do: it is tried again",
        )
    return Ambiguous(
        "aws.no-answer",
        f"{call} on {of} was sent and not answered: it may have happened",
        "nothing to do: the world is read before anything else is sent",
    )
