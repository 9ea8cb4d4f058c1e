"""What a configuration may say about a generated value: its kind, its characters, its strength."""

import itertools
import math
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from rotation import options
from rotation.types import Traits, require

# NIST SP 800-57: a weaker secret can be found by search.
STRENGTH_BITS_MIN = 128

LENGTH_MAX = 1024
# Characters that people confuse.
AMBIGUOUS = frozenset("0O1lI|")

# Without quotes, backslash, `$`, `&`, brackets and blanks, which shells and env files interpret.
SYMBOLS = "!#%+,-./:=?@^_~"

# Each has a strength of at least 128 bits.
ALGORITHMS = ("ed25519", "ecdsa-p256", "rsa-3072", "rsa-4096")

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FIELDS = {
    "password": ("password",),
    "token": ("token",),
    "key-pair": ("private_key", "public_key"),
}
_LENGTHS = {"password": 32, "token": 43}


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class GeneratedOptions(options.IssuerOptions):
    """A password, a token or a key pair, from the system's random numbers."""

    PUBLIC: ClassVar = frozenset({"public_key"})
    TRAITS: ClassVar = Traits(origin="chosen", can_suspend=False, reports_usage=False, lists=False)

    kind: Literal["password", "token", "key-pair"] = field(metadata={"doc": "what is made"})
    length: int | None = _doc("number of random characters; a password has 32, a token 43")
    classes: tuple[Literal["lower", "upper", "digit", "symbol"], ...] | None = _doc(
        "password: the classes of characters, each of which occurs; all four by default"
    )
    symbols: str | None = _doc(f"password: the characters of class symbol instead of {SYMBOLS}")
    exclude_ambiguous: bool = _doc("without the characters 0 O 1 l I |", default=False)
    prefix: str | None = _doc("token: what it begins with, so that scanners find it")
    key_type: Literal["ed25519", "ecdsa-p256", "rsa-3072", "rsa-4096"] | None = _doc(
        "key-pair: its algorithm; ed25519 by default"
    )
    unverified: bool = _doc(
        "no service of ours has to accept it; its death is only asserted", default=False
    )

    def __post_init__(self) -> None:
        require(self.kind in _FIELDS, "kind: password, token or key-pair")
        for name, kinds in (
            ("length", ("password", "token")),
            ("classes", ("password",)),
            ("symbols", ("password",)),
            ("exclude_ambiguous", ("password", "token")),
            ("prefix", ("token",)),
            ("key_type", ("key-pair",)),
        ):
            value = getattr(self, name)
            require(
                value is None or value is False or self.kind in kinds,
                f"{name}: only for {' and '.join(kinds)}",
            )
        if self.kind == "key-pair":
            require(self.algorithm in ALGORITHMS, f"key_type: one of {', '.join(ALGORITHMS)}")
            return
        self._check_characters()
        require(
            self.strength_bits >= STRENGTH_BITS_MIN,
            f"length: that is {self.strength_bits} bits, and at least {STRENGTH_BITS_MIN} are asked",
        )

    def _check_characters(self) -> None:
        require(0 < self.characters <= LENGTH_MAX, f"length: between 1 and {LENGTH_MAX}")
        classes = self.classes
        if classes is not None:
            require(len(set(classes)) == len(classes) > 0, "classes: each once, at least one")
            require(
                set(classes) <= {"lower", "upper", "digit", "symbol"},
                "classes: lower, upper, digit, symbol",
            )
        if self.symbols is not None:
            require(
                classes is None or "symbol" in classes, "symbols: of no use without class symbol"
            )
            require(
                set(self.symbols) <= set(string.punctuation)
                and len(set(self.symbols)) == len(self.symbols),
                "symbols: punctuation of ASCII, each once",
            )
        require(
            self.prefix is None or _PREFIX.fullmatch(self.prefix), "prefix: letters, digits, _, -"
        )
        require(all(self.alphabets), "exclude_ambiguous: no symbol is left")

    @property
    def characters(self) -> int:
        """How many random characters it has."""
        return _LENGTHS[self.kind] if self.length is None else self.length

    @property
    def alphabets(self) -> tuple[str, ...]:
        """The characters of each class. A password has at least one of each; a token is drawn
        from all of them together."""
        known = {
            "lower": string.ascii_lowercase,
            "upper": string.ascii_uppercase,
            "digit": string.digits,
            "symbol": SYMBOLS if self.symbols is None else self.symbols,
        }
        classes: tuple[str, ...] = self.classes or tuple(known)
        if self.kind == "token":
            classes = ("lower", "upper", "digit")
        without = AMBIGUOUS if self.exclude_ambiguous else frozenset()
        return tuple(
            "".join(character for character in known[name] if character not in without)
            for name in classes
        )

    @property
    def strength_bits(self) -> int:
        """Whole bits of entropy of the random characters, as every possible value is equally
        likely."""
        if self.kind == "token":
            return int(self.characters * math.log2(len("".join(self.alphabets))))
        return max(1, _possible(self.characters, self.alphabets)).bit_length() - 1

    @property
    def algorithm(self) -> str:
        """The algorithm of a key pair."""
        return self.key_type or "ed25519"

    def fields(self) -> tuple[str, ...]:
        """The issuer's fields for this kind."""
        return _FIELDS[self.kind]

    def identity(self, connections: Mapping[str, Any]) -> None:
        """It has no service of its own, so the secret that holds it identifies it."""

    def by_hand(self, handle_id: str, connections: Mapping[str, Any]) -> str:
        """Only its verifiers can end it."""
        return f"tell every service that accepts the value known as {handle_id} to refuse it"


def _possible(length: int, alphabets: tuple[str, ...]) -> int:
    """How many texts have a character of every alphabet, by inclusion and exclusion."""
    total = sum(map(len, alphabets))
    return sum(
        (-1) ** missing * (total - sum(map(len, absent))) ** length
        for missing in range(len(alphabets) + 1)
        for absent in itertools.combinations(alphabets, missing)
    )
