"""The fields of a credential among the keys of a KV secret."""

import re
from collections.abc import Mapping
from typing import Any

from rotation.errors import NeedsPerson, Permanent, Usage
from rotation.types import SECRET_LENGTH_MIN, Fields, SecretValue

_UNREAL = re.compile(
    r"\s*|[*•●]{3,}|\W*(redacted|masked|hidden|sensitive value)\W*"
    r"|<[\w .-]*>|\$\{.*\}|change_?me|placeholder|todo",
    re.IGNORECASE,
)


class KvFields:
    """fields: issuer field -> key of the secret. Keys of others are neither read nor written."""

    def __init__(self, fields: Mapping[str, str], public: frozenset[str]) -> None:
        if "" in fields.values():
            raise Usage(
                "store.needs-keys",
                "a KV secret is made of keys, so it cannot be one bare value",
                "use `fields:` instead of `value: whole`",
            )
        self._fields = fields
        self._public = public

    def written(self, new: Fields) -> dict[str, str]:
        """Our keys with this credential in them."""
        return {own: _sound(name, new) for name, own in self._fields.items()}

    def erased(self) -> dict[str, None]:
        """What takes our keys out, in a merge."""
        return dict.fromkeys(self._fields.values())

    def own(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Our keys of a secret's data. Raises NeedsPerson where one is no text."""
        values: dict[str, str] = {}
        for own in self._fields.values():
            value = data.get(own)
            if not isinstance(value, str):
                raise NeedsPerson(
                    "store.missing-field",
                    f"the secret has no text under the key {own}",
                    "compare the secret's `fields:` with what is in the store",
                )
            values[own] = value
        return values

    def read(self, data: Mapping[str, Any]) -> Fields:
        """Only our own fields; the public ones in the open."""
        own = self.own(data)
        values = {name: own[key] for name, key in self._fields.items()}
        return Fields(
            public={name: value for name, value in values.items() if name in self._public},
            secret={
                name: SecretValue(value)
                for name, value in values.items()
                if name not in self._public
            },
        )


def _sound(name: str, new: Fields) -> str:
    """A value that can be one: a redacted record must never be written back."""
    public = name in new.public
    if not public and name not in new.secret:
        raise Permanent(
            "store.missing-field",
            f"the new credential has no field {name}",
            "correct the secret's `fields:`",
        )
    value = new.public[name] if public else new.secret[name].reveal()
    if _UNREAL.fullmatch(value):
        raise NeedsPerson(
            "store.masked",
            f"{name} is empty, a placeholder or a mask; nothing was written",
            "find out who writes masked values; they must never be written back",
        )
    if not public and len(value) < SECRET_LENGTH_MIN:
        raise Permanent(
            "store.too-short",
            f"{name} has fewer than {SECRET_LENGTH_MIN} characters",
            "make the issuer's values longer",
        )
    return value
