"""What every store checks in the fields of a credential, whatever the form in which it keeps
them."""

import re
from collections.abc import Mapping

from rotation.errors import NeedsPerson, Permanent
from rotation.types import SECRET_LENGTH_MIN, Fields, SecretValue

_MASKED = re.compile(r"[*•●]{3,}|\W*(redacted|masked|hidden|sensitive value)\W*", re.IGNORECASE)
_BLANK = re.compile(r"\s*|<[\w .-]*>|\$\{.*\}|change_?me|placeholder|todo", re.IGNORECASE)


def is_masked(text: str) -> bool:
    """Whether a mask was written in the place of a value."""
    return _MASKED.fullmatch(text) is not None


def checked_value(name: str, new: Fields) -> str:
    """The value of that issuer field. Raises where it cannot be one: a redacted record must never
    be written back."""
    public = name in new.public
    if not public and name not in new.secret:
        raise Permanent(
            "store.missing-field",
            f"the new credential has no field {name}",
            "correct the secret's `fields:`",
        )
    value = new.public[name] if public else new.secret[name].reveal()
    if is_masked(value) or _BLANK.fullmatch(value):
        raise masked(name)
    if not public and len(value) < SECRET_LENGTH_MIN:
        raise Permanent(
            "store.too-short",
            f"{name} has fewer than {SECRET_LENGTH_MIN} characters",
            "make the issuer's values longer",
        )
    return value


def masked(what: str) -> NeedsPerson:
    return NeedsPerson(
        "store.masked",
        f"{what} is empty, a placeholder or a mask; nothing was written",
        "find out who writes masked values; they must never be written back",
    )


def split_public_and_secret(values: Mapping[str, str], public: frozenset[str]) -> Fields:
    """values: by issuer field. Public ones stay plain, all others are wrapped."""
    return Fields(
        public={name: value for name, value in values.items() if name in public},
        secret={name: SecretValue(value) for name, value in values.items() if name not in public},
    )
