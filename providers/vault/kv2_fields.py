"""The fields of a credential among the keys of a KV secret."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rotation.errors import NeedsPerson, UsageError
from rotation.types import Fields
from rotation.values.composed import Composed
from rotation.values.stale import stale_keys
from rotation.values.stored import checked_value, split_public_and_secret


class KvFields:
    """fields: issuer field -> key of the secret; composed: further keys, written from templates.
    Foreign keys are never written."""

    def __init__(
        self,
        fields: Mapping[str, str],
        public: frozenset[str],
        composed: Mapping[str, str] | None = None,
    ) -> None:
        if "" in fields.values():
            raise UsageError(
                "store.needs-keys",
                "a KV secret is made of keys, so it cannot be one bare value",
                "use `fields:` instead of `value: whole`",
            )
        self._fields = fields
        self._composed = Composed(fields, composed or {})
        self._public = public

    def written(self, new: Fields) -> dict[str, str]:
        """Our keys with this credential in them."""
        return {own: checked_value(name, new) for name, own in self._fields.items()}

    @property
    def needs_others(self) -> bool:
        """Whether a template has a part that is a foreign key."""
        return bool(self._composed.others)

    def composed(self, own: Mapping[str, str], live: Mapping[str, Any]) -> dict[str, str]:
        """Our keys and those that are composed of them; live: what readers have now."""
        return {**own, **self._composed.filled(own, live)}

    def erased(self) -> dict[str, None]:
        """A merge with these values removes our keys."""
        return dict.fromkeys([*self._fields.values(), *self._composed.keys])

    def stale(self, data: Mapping[str, Any], handle_id: str) -> tuple[str, ...]:
        """Keys that hold this credential's bytes and are neither ours nor composed. Raises
        NeedsPerson where a composed one differs from its template."""
        own = self.own(data)
        self._composed.check(own, data)
        return stale_keys(data, own.keys() | self._composed.keys, self.read(data), handle_id)

    def lacking(self, data: Mapping[str, Any]) -> frozenset[str]:
        """The parts of composed keys that are neither ours nor in the secret."""
        return self._composed.lacking(data)

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
        """Our own fields, the public ones unwrapped, and what is composed of them."""
        own = self.own(data)
        values = {name: own[key] for name, key in self._fields.items()}
        return replace(
            split_public_and_secret(values, self._public), composed=self._composed.found(data)
        )
