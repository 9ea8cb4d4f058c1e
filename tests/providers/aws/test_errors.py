import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session

from providers.aws.errors import translated
from rotation.errors import (
    Ambiguous,
    Conflict,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
)

CANARY = "canary-text-of-the-vendor"


def refusal(code: str, status: int = 400, message: str = CANARY, **headers: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },
        "Operation",
    )


def translate(error: Exception, *, repeatable: bool = True, **options) -> RotationError:
    with (
        pytest.raises(RotationError) as caught,
        translated("iam:Do", of="user app", repeatable=repeatable, **options),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (refusal("Throttling"), Transient, "aws.throttled"),
        (refusal("ThrottlingException", 503), Transient, "aws.throttled"),
        (refusal("AccessDenied", 403), Denied, "aws.denied"),
        (refusal("AccessDeniedException"), Denied, "aws.denied"),
        (
            refusal("AccessDeniedException", 400, "Access to KMS is not allowed"),
            Denied,
            "aws.key-denied",
        ),
        (
            refusal(
                "AccessDeniedException",
                400,
                "User x is not authorized to perform: kms:Decrypt on resource y",
            ),
            Denied,
            "aws.key-denied",
        ),
        (
            refusal(
                "AccessDeniedException",
                400,
                "not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-central-1:123456789012:secret:kms-app-AbCdEf",
            ),
            Denied,
            "aws.denied",
        ),
        (refusal("InvalidClientTokenId", 403), Denied, "aws.credentials"),
        (refusal("UnrecognizedClientException"), Denied, "aws.credentials"),
        (refusal("SignatureDoesNotMatch", 403), Denied, "aws.credentials"),
        (refusal("ExpiredToken", 403), Denied, "aws.credentials"),
        (refusal("RequestTimeTooSkewed", 403), Transient, "aws.clock-skew"),
        (
            refusal("SignatureDoesNotMatch", 403, "Signature expired: ..."),
            Transient,
            "aws.clock-skew",
        ),
        (
            refusal("InvalidSignatureException", 400, "Signature not yet current: ..."),
            Transient,
            "aws.clock-skew",
        ),
        (refusal("EntityTemporarilyUnmodifiable", 409), Transient, "aws.busy"),
        (refusal("EncryptionFailure"), NeedsPerson, "aws.key-management"),
        (
            refusal("InvalidRequestException", 400, "the KMS key arn:x is pending deletion"),
            NeedsPerson,
            "aws.key-management",
        ),
        (refusal("SomethingNew"), Permanent, "aws.refused"),
        (NoCredentialsError(), Denied, "aws.credentials"),
        (ProfileNotFound(profile=CANARY), Denied, "aws.credentials"),
        (ParamValidationError(report=CANARY), Permanent, "aws.bad-request"),
        (EndpointConnectionError(endpoint_url=CANARY), Transient, "aws.unreachable"),
        (ConnectTimeoutError(endpoint_url=CANARY), Transient, "aws.unreachable"),
        (ProxyConnectionError(proxy_url=CANARY), Transient, "aws.unreachable"),
    ],
)
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_definite_no_is_one_whether_or_not_the_call_may_be_repeated(
    error: Exception, kind: type, code: str, *, repeatable: bool
):
    translation = translate(error, repeatable=repeatable)
    assert (type(translation), translation.code) == (kind, code)


@pytest.mark.parametrize(
    "error",
    [
        refusal("InternalFailure", 500),
        refusal("ServiceUnavailable", 503),
        refusal("502", 502),
        refusal("RequestTimeout", 400),
        ReadTimeoutError(endpoint_url=CANARY),
        ConnectionClosedError(endpoint_url=CANARY),
        HTTPClientError(error=CANARY),
        SSLError(endpoint_url=CANARY, error=CANARY),
        ResponseParserError(CANARY),
        KeyError(CANARY),
    ],
)
def test_what_was_sent_and_not_answered_may_have_happened(error: Exception):
    assert type(translate(error, repeatable=True)) is Transient
    doubt = translate(error, repeatable=False)
    assert (type(doubt), doubt.code) == (Ambiguous, "aws.no-answer")


ERRORS = [
    refusal("Throttling"),
    refusal("AccessDenied", 403),
    refusal("InvalidClientTokenId", 403),
    refusal("RequestTimeTooSkewed"),
    refusal("EntityTemporarilyUnmodifiable"),
    refusal("DecryptionFailure"),
    refusal("SomethingNew"),
    refusal("InternalFailure", 500),
    NoCredentialsError(),
    ParamValidationError(report=CANARY),
    EndpointConnectionError(endpoint_url=CANARY),
    ReadTimeoutError(endpoint_url=CANARY),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("repeatable", [True, False])
def test_no_text_of_the_vendor_passes_and_every_error_has_a_next_step(
    error: Exception, *, repeatable: bool
):
    translation = translate(error, repeatable=repeatable)
    assert CANARY not in f"{translation} {translation.hint} {translation.facts}"
    assert translation.__suppress_context__
    assert translation.hint
    assert "iam:Do" in translation.message


def test_a_wrongly_typed_secret_is_not_quoted():
    """The SDK's own text quotes the value that it refuses."""
    client = Session().create_client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="x",
        aws_secret_access_key="x",
    )  # fmt: skip
    with pytest.raises(Permanent) as caught, translated("x:Y", of="it", repeatable=True):
        client.put_secret_value(SecretId="app", SecretString={CANARY: CANARY})
    assert CANARY not in f"{caught.value!r}"
    client.close()


@pytest.mark.parametrize(("header", "expected"), [("7", 7), ("soon", None), ("", None)])
def test_a_throttle_says_how_long(header: str, expected: int | None):
    translation = translate(refusal("Throttling", **{"retry-after": header}))
    assert isinstance(translation, Transient)
    assert translation.retry_after == expected


def test_a_meaning_at_this_call_wins_over_the_general_one():
    meanings = {"Throttling": lambda: Conflict("store.conflict", "it moved")}
    assert translate(refusal("Throttling"), meanings=meanings).code == "store.conflict"


def test_a_denial_says_which_action_on_what():
    assert translate(refusal("AccessDenied")).facts == {
        "action": "iam:Do",
        "resource": "user app",
    }


def test_our_own_errors_pass_as_they_are():
    ours = NeedsPerson("aws.wrong-account", "another account")
    assert translate(ours) is ours


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError), translated("iam:Do", of="it", repeatable=True):
        raise ZeroDivisionError
