import itertools
import math
import string
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.generated.options import (
    AMBIGUOUS,
    STRENGTH_BITS_MIN,
    GeneratedOptions,
    _possible,
)

CLASSES = ("lower", "upper", "digit", "symbol")


@given(st.integers(0, 6), st.sampled_from([("ab",), ("ab", "1"), ("ab", "12", "!"), ("a", "b")]))
def test_the_strength_counts_exactly_the_possible_texts(length, alphabets):
    texts = itertools.product("".join(alphabets), repeat=length)
    with_all = [text for text in texts if all(set(text) & set(each) for each in alphabets)]
    assert _possible(length, alphabets) == len(with_all)


@given(
    st.integers(1, 60),
    st.lists(st.sampled_from(CLASSES), min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_a_password_below_128_bits_is_refused_and_none_above(length, classes, exclude):
    given = {"length": length, "classes": tuple(classes), "exclude_ambiguous": exclude}
    try:
        options = GeneratedOptions(kind="password", **given)
    except ValueError as error:
        refused = str(error)
        assert refused.startswith("length: that is ")
        assert int(refused.split()[3]) < STRENGTH_BITS_MIN
    else:
        most = length * math.log2(len("".join(options.alphabets)))
        assert STRENGTH_BITS_MIN <= options.strength_bits <= most


@pytest.mark.parametrize(("length", "enough"), [(21, False), (22, True), (43, True)])
def test_a_token_below_128_bits_is_refused(length, enough):
    if enough:
        assert GeneratedOptions(kind="token", length=length).strength_bits >= STRENGTH_BITS_MIN
    else:
        with pytest.raises(ValueError, match="length: that is 125 bits"):
            GeneratedOptions(kind="token", length=length)


def test_a_prefix_adds_no_strength():
    with pytest.raises(ValueError, match="length: that is 125 bits"):
        GeneratedOptions(kind="token", length=21, prefix="billing_" * 4)


def test_defaults_are_strong_and_legible():
    assert GeneratedOptions(kind="password").strength_bits > 190
    assert GeneratedOptions(kind="token").strength_bits == 256
    legible = GeneratedOptions(kind="password", exclude_ambiguous=True)
    assert not set("".join(legible.alphabets)) & AMBIGUOUS


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"kind": "pin"}, "kind: "),
        ({"kind": "password", "length": 0}, "length: between"),
        ({"kind": "password", "length": 1025}, "length: between"),
        ({"kind": "password", "classes": ()}, "classes: each once"),
        ({"kind": "password", "classes": ("lower", "lower")}, "classes: each once"),
        ({"kind": "password", "classes": ("lower", "greek")}, "classes: lower, upper"),
        ({"kind": "password", "symbols": "!!"}, "symbols: punctuation"),
        ({"kind": "password", "symbols": "ä"}, "symbols: punctuation"),
        ({"kind": "password", "symbols": ""}, "no symbol is left"),
        ({"kind": "password", "symbols": "|", "exclude_ambiguous": True}, "no symbol is left"),
        ({"kind": "password", "classes": ("lower",), "symbols": "!"}, "without class symbol"),
        ({"kind": "password", "prefix": "x"}, "prefix: only for token"),
        ({"kind": "password", "key_type": "ed25519"}, "key_type: only for key-pair"),
        ({"kind": "token", "classes": ("lower",)}, "classes: only for password"),
        ({"kind": "token", "prefix": "a b"}, "prefix: letters"),
        ({"kind": "key-pair", "length": 0}, "length: only for password and token"),
        ({"kind": "key-pair", "exclude_ambiguous": True}, "exclude_ambiguous: only for"),
        ({"kind": "key-pair", "key_type": "rsa-1024"}, "key_type: "),
    ],
)
def test_what_cannot_be_meant_is_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        GeneratedOptions(**options)


def test_the_fields_follow_from_the_kind():
    assert GeneratedOptions(kind="password").fields() == ("password",)
    assert GeneratedOptions(kind="token").fields() == ("token",)
    assert GeneratedOptions(kind="key-pair").fields() == ("private_key", "public_key")


def test_the_identity_is_the_secret_that_holds_it():
    assert GeneratedOptions(kind="token").identity({}) is None


def test_every_option_is_documented():
    assert all(each.metadata["doc"] for each in fields(GeneratedOptions))


def test_no_symbol_by_default_means_anything_to_a_shell():
    options = GeneratedOptions(kind="password", classes=("symbol",), length=64)
    (symbols,) = options.alphabets
    assert set(symbols) <= set(string.punctuation) - set("\"'\\`$&|;<>()[]{}*")
