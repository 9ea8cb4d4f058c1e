"""The fields of a secret as bytes, under the names that the secret itself uses."""

import json
from collections.abc import Mapping

from rotation.errors import Refused
from rotation.types import Fields


def as_json(fields: Fields, names: Mapping[str, str]) -> bytes:
    """An object of all fields. `names`: issuer field -> the secret's own name. A field without one,
    or of a secret that is one value, keeps the issuer's name."""
    return json.dumps(_named(fields, names)).encode()


def delivered(fields: Fields, names: Mapping[str, str]) -> bytes:
    """What a consumer gets as a whole: the fields, and the keys that are composed of them."""
    return json.dumps({**_named(fields, names), **_composed(fields)}).encode()


def of_field(fields: Fields, field: str) -> bytes:
    """The bytes of that field or composed key, and nothing around them."""
    value = {**_composed(fields), **_revealed(fields)}.get(field)
    if value is None:
        raise Refused(
            "consumer.no-field",
            "the secret has no field of the declared name; nothing was delivered",
            "correct the consumer's `only_field:`",
        )
    try:
        return value.encode()
    except UnicodeEncodeError:
        # The error holds the whole value, so it must not be the cause.
        raise Refused(
            "consumer.not-text",
            "the field is no text that a file can hold; nothing was delivered",
            "deliver the whole secret as JSON: leave `only_field:` out",
        ) from None


def _named(fields: Fields, names: Mapping[str, str]) -> dict[str, str]:
    return {names.get(field) or field: value for field, value in _revealed(fields).items()}


def _composed(fields: Fields) -> dict[str, str]:
    return {key: value.reveal() for key, value in fields.composed.items()}


def _revealed(fields: Fields) -> dict[str, str]:
    return {**fields.public, **{name: value.reveal() for name, value in fields.secret.items()}}
