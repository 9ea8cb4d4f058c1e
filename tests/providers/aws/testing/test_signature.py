"""Who signs is checked, and each service refuses in its own words."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from providers.aws.testing import ADMIN, Credential

CALLS = {
    "iam": lambda client: client.list_users(),
    "sts": lambda client: client.get_caller_identity(),
    "secretsmanager": lambda client: client.list_secrets(),
}

UNKNOWN = {
    "iam": "InvalidClientTokenId",
    "sts": "InvalidClientTokenId",
    "secretsmanager": "UnrecognizedClientException",
}
WRONG = {
    "iam": "SignatureDoesNotMatch",
    "sts": "SignatureDoesNotMatch",
    "secretsmanager": "InvalidSignatureException",
}


@pytest.fixture(params=CALLS)
def service(request):
    return request.param


@pytest.fixture
def key(iam):
    return Credential.of(iam.create_access_key(UserName="app")["AccessKey"])


def test_the_right_secret_opens_every_endpoint(aws, key, service):
    CALLS[service](aws.client(service, key))


def test_a_wrong_secret_is_refused(aws, key, service, refused):
    with refused(WRONG[service]):
        CALLS[service](aws.client(service, replace(key, secret_access_key="x" * 40)))


def test_an_unknown_key_is_refused(aws, service, refused):
    with refused(UNKNOWN[service]):
        CALLS[service](aws.client(service, Credential("AKIANOBODYEXAMPLE012", "x" * 40)))


def test_an_inactive_key_is_refused(aws, iam, key, service, refused):
    iam.update_access_key(UserName="app", AccessKeyId=key.access_key_id, Status="Inactive")
    with refused(UNKNOWN[service]):
        CALLS[service](aws.client(service, key))
    iam.update_access_key(UserName="app", AccessKeyId=key.access_key_id, Status="Active")
    CALLS[service](aws.client(service, key))


def test_a_deleted_key_is_refused(aws, iam, key, service, refused):
    iam.delete_access_key(UserName="app", AccessKeyId=key.access_key_id)
    with refused(UNKNOWN[service]):
        CALLS[service](aws.client(service, key))


@pytest.mark.parametrize("seconds", [-330, 301])  # a slow machine makes the first one smaller
def test_a_date_more_than_five_minutes_off_is_refused(aws, service, refused, seconds):
    aws.clock.skew(seconds)
    with refused(WRONG[service]):
        CALLS[service](aws.client(service))


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_date_less_than_five_minutes_off_is_accepted(aws, service, seconds):
    aws.clock.skew(seconds)
    CALLS[service](aws.client(service))


def test_an_advanced_clock_is_no_skew(aws, service):
    aws.clock.advance(90 * 86400)
    CALLS[service](aws.client(service))


def change_the_body(request, **_):
    request.body = request.body.replace(b"app/db", b"app/xx")


def change_the_target(request, **_):
    request.headers["X-Amz-Target"] = "secretsmanager.DeleteSecret"


def leave_it_unsigned(request, **_):
    del request.headers["Authorization"]


@contextmanager
def sent_after(change, client):
    client.meta.events.register("before-send", change)
    yield
    client.meta.events.unregister("before-send", change)


@pytest.mark.parametrize("change", [change_the_body, change_the_target])
@pytest.mark.usefixtures("sm")
def test_a_request_that_was_changed_after_signing_is_refused(aws, refused, change):
    client = aws.client("secretsmanager")
    with sent_after(change, client), refused("InvalidSignatureException"):
        client.describe_secret(SecretId="app/db")


def test_no_signature_is_refused(aws, service, refused):
    client = aws.client(service)
    code = "MissingAuthenticationToken" + ("Exception" if service == "secretsmanager" else "")
    with sent_after(leave_it_unsigned, client), refused(code):
        CALLS[service](client)


def test_a_long_term_key_with_a_session_token_is_refused(aws, refused):
    with refused("InvalidClientTokenId"):
        aws.client("sts", replace(ADMIN, session_token="made-up")).get_caller_identity()


def test_a_service_that_is_not_there_is_refused(aws, refused):
    with refused("UnknownService"):
        aws.client("sqs").list_queues()
