"""Finds other copies of the credential's bytes in its secret, which would go stale silently."""

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from rotation.types import SECRET_LENGTH_MIN, Fields, SecretValue

_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_IN_URL = re.compile(r":([^:@/]*)@")
# An encoded text may hold another one: a registry's login in a configuration in base64.
_DEPTH_MAX = 2
# A name as long as an access key id is unmistakable anywhere; a short one, such as `app`, may be
# anything.
_TELLING_LENGTH = 16
_USER_KEY = re.compile(r"user|login|role", re.IGNORECASE)


def stale_keys(
    data: Mapping[str, Any], ours: Collection[str], fields: Fields, handle_id: str
) -> tuple[str, ...]:
    """The keys, beside `ours`, whose values hold a secret of `fields` or, where a login is written,
    the instance's name; plain or in a usual encoding."""
    return tuple(
        sorted(
            key
            for key, value in data.items()
            if key not in ours
            and any(_holds(key, text, fields, handle_id) for text in _texts(value))
        )
    )


def _holds(key: str, text: str, fields: Fields, handle_id: str) -> bool:
    return any(_secret_in(text, value) for value in fields.secret.values()) or (
        handle_id in fields.public.values() and _named_in(key, text, handle_id)
    )


def _secret_in(text: str, value: SecretValue) -> bool:
    if len(value) < SECRET_LENGTH_MIN:
        return any(SecretValue(one) == value for one in (text, *_IN_URL.findall(text)))
    return value.is_in(text)


def _named_in(key: str, text: str, name: str) -> bool:
    word = re.escape(name)
    if len(name) >= _TELLING_LENGTH:
        return re.search(rf"(?<![\w-]){word}(?![\w-])", text) is not None
    if text == name:
        return _USER_KEY.search(key) is not None
    return re.search(rf"(//|\buser(name)?\s*=\s*'?){word}([:@\s;&']|$)", text) is not None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, as it stands and decoded."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _spelled(str(key))
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        yield from _spelled(value)
        with suppress(ValueError, RecursionError):
            yield from _texts(json.loads(value))
    elif value is not None:
        yield from _spelled(str(value))


def _spelled(text: str, depth: int = _DEPTH_MAX) -> Iterator[str]:
    yield text
    if "%" in text:
        yield unquote(text)
    for run in _ENCODED.findall(text) if depth else ():
        standard = run.translate(str.maketrans("-_", "+/"))
        try:
            decoded = base64.b64decode(standard + "=" * (-len(standard) % 4))
        except binascii.Error:
            continue
        yield from _spelled(decoded.decode(errors="ignore"), depth - 1)
