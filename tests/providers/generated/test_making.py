import string
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from providers.generated.making import key_pair, make, password, token
from providers.generated.options import GeneratedOptions


@given(
    st.lists(
        st.sampled_from(["lower", "upper", "digit", "symbol"]), min_size=1, max_size=4, unique=True
    ),
    st.integers(45, 64),
    st.booleans(),
)
def test_a_password_has_every_class_and_nothing_else(classes, length, exclude):
    options = GeneratedOptions(
        kind="password", length=length, classes=tuple(classes), exclude_ambiguous=exclude
    )
    text = make(options).secret["password"].reveal()
    assert len(text) == length
    assert set(text) <= set("".join(options.alphabets))
    assert all(set(text) & set(alphabet) for alphabet in options.alphabets)


def test_every_possible_password_is_equally_likely():
    """Putting in the class that a draw lacks would make some texts likelier than others."""
    drawn = Counter(password(3, ("ab", "1")) for _ in range(9000))
    expected = 9000 / 18
    assert len(drawn) == 18
    chi_square = sum((count - expected) ** 2 / expected for count in drawn.values())
    assert chi_square < 65  # 17 degrees of freedom: beyond it once in a million runs


def test_a_token_begins_with_its_prefix():
    options = GeneratedOptions(kind="token", prefix="app_")
    text = make(options).secret["token"].reveal()
    assert text.startswith("app_")
    assert len(text) == 4 + 43
    assert set(text[4:]) <= set(string.ascii_letters + string.digits)


def test_no_value_comes_twice():
    assert len({token(22, ("ab", "12"), "") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("ed25519", ed25519.Ed25519PrivateKey),
        ("ecdsa-p256", ec.EllipticCurvePrivateKey),
        ("rsa-3072", rsa.RSAPrivateKey),
    ],
)
def test_the_public_key_is_the_private_key_s(algorithm, kind):
    private_pem, public_pem = key_pair(algorithm)
    private = load_pem_private_key(private_pem.encode(), None)
    assert isinstance(private, kind)
    assert private.public_key() == load_pem_public_key(public_pem.encode())
    assert private_pem.startswith("-----BEGIN PRIVATE KEY-----\n")


def test_only_the_private_half_of_a_key_pair_is_secret():
    made = make(GeneratedOptions(kind="key-pair"))
    assert set(made.secret) == {"private_key"}
    assert set(made.public) == {"public_key"}
