"""The fields of a credential among the keys of a KV secret."""

from collections.abc import Mapping
from typing import Any

from rotation.errors import NeedsPerson, Usage
from rotation.stored import sound, told_apart
from rotation.types import Fields


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
        return {own: sound(name, new) for name, own in self._fields.items()}

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
        return told_apart(values, self._public)
