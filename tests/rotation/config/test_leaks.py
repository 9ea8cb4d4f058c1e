"""What looks like a secret, and what does not."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.config import leaks
from rotation.config.findings import spell

# Put together here, so that no scanner finds this file.
SECRETS = [
    "AKIA" + "Q7RSTUVWXYZ23456",
    "ASIA" + "Q7RSTUVWXYZ23456",
    "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzQ4vH8kLmT",
    "-----BEGIN " + "PRIVATE KEY-----",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "github_pat_" + "11ABCDEFG0abcdefghij_klmnopqrstuv",
    "xoxb-" + "1234567890-abcdefghijkl",
    "hvs." + "CAESIJabcdefghij_klmnop-qrstuvwxyz",
    "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "sk_live_" + "abcdefghijklmnopqrstuvwx",
    "glpat-" + "ab_cdefghij-klmnopqrst",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "postgres://app:" + "hunter2@db.internal/orders",
    "redis://:" + "hunter2@cache",
]

NAMES = [
    "prod/billing/aws",
    "production/payments/billing-service/database-credentials",
    "Production/Payments/BillingService/DatabaseCredentials2024/Primary",
    "arn:aws:iam::111122223333:role/rotation/production/rotation-mint-billing",
    "prod/EuWest1/OrdersService/PrimaryDatabaseCredentialsV2",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "AWS_SECRET_ACCESS_KEY",
    "https://proxy.internal:3128",
    "/etc/ssl/certs/ca-certificates.crt",
    "0f3a9c2b71de",
    "/var/lib/runner/rotation/c6a9e56a1f0a/journal.db",
    "/srv/state/0a1b2c3d4e5f60718293a4b5c6d7e8f9/rotation/journal",
    "team-payments@example.com",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_known_by_its_looks(text: str) -> None:
    for spelled in (text, f"prefix {text}", f"{text} suffix"):
        assert leaks.looks_secret(spelled)


@pytest.mark.parametrize("text", NAMES)
def test_a_name_is_no_secret(text: str) -> None:
    assert not leaks.looks_secret(text)


@pytest.mark.parametrize("text", SECRETS)
def test_the_quick_look_sees_what_the_thorough_one_sees(text: str) -> None:
    assert leaks.may_hold_one(json.dumps({"owner": text}).encode())


def test_nearly_every_random_key_is_seen() -> None:
    keys = [
        base64.b64encode(hashlib.sha512(str(n).encode()).digest()[:30]).decode()
        for n in range(1000)
    ]
    seen = sum(leaks.looks_secret(key) for key in keys)
    assert seen > 980
    assert all(leaks.may_hold_one(key.encode()) for key in keys)


def test_no_journal_of_any_installation_is_taken_for_a_secret() -> None:
    ids = [hashlib.sha256(str(n).encode()).hexdigest()[:12] for n in range(10_000)]
    homes = ("/root", "/srv/alice", "/var/lib/systemd")
    taken = [
        path
        for home in homes
        for path in (f"{home}/.local/state/rotation/{each}/journal.db" for each in ids)
        if leaks.looks_secret(path)
    ]
    assert not taken


@given(st.sampled_from(NAMES), st.sampled_from(SECRETS))
def test_it_is_found_where_it_stands(name: str, secret: str) -> None:
    content = {"a": [name, {"b": secret}], secret: name}
    assert list(leaks.find(content)) == [("a", 1, "b"), (secret,)]


@pytest.mark.parametrize("text", SECRETS)
def test_not_even_a_key_shows_one(text: str) -> None:
    assert text not in spell(("secrets", 3, text))
