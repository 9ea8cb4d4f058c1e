"""A record: what one entry says, by attribute. It is a typed view of the entry's facts.

What an entry does not say is absent: None, False or empty for whoever reads, and no key in the journal.
A null is said, and takes back what an entry before it said. A key that no record names is of another
version: nobody reads it, and it stays where a later entry repeats what an earlier one said. What is there
in another type than a version of ours writes reads as absent.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Generic, Self, TypeVar, cast, dataclass_transform, overload

from rotation.journal.entries import stamp, unstamp
from rotation.types import Facts, Json

Read = TypeVar("Read")
Given = TypeVar("Given")


class Fact(Generic[Read, Given]):
    """One key: what is read of it, and what is written. key: where it is not the attribute's name.
    logged: events of the log have it as well."""

    def __init__(self, key: str = "", *, logged: bool = False) -> None:
        self.name, self.logged = key, logged

    def __set_name__(self, kind: type["Record"], name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, record: None, kind: type["Record"]) -> Self: ...
    @overload
    def __get__(self, record: "Record", kind: type["Record"]) -> Read: ...
    def __get__(self, record: "Record | None", kind: type["Record"]) -> Self | Read:
        return self if record is None else self.read(record.facts.get(self.name))

    def __set__(self, record: "Record", value: Given) -> None:
        """Its type is what the record's constructor takes."""
        raise AttributeError(f"{self.name}: an entry is never changed")

    def read(self, value: Json) -> Read:
        raise NotImplementedError

    def written(self, value: Given) -> Json:
        return cast("Json", value)


class Text(Fact[str | None, str | None]):
    def read(self, value: Json) -> str | None:
        return value if isinstance(value, str) else None


class Word(Fact[str, str]):
    """A text that every version writes; without it the journal is damaged."""

    def read(self, value: Json) -> str:
        if value is None:
            raise LookupError(self.name)
        return str(value)


class Flag(Fact[bool, bool]):
    def read(self, value: Json) -> bool:
        return value is True


def _names(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


class Moment(Fact[datetime | None, datetime | None]):
    def read(self, value: Json) -> datetime | None:
        return unstamp(value) if isinstance(value, str) else None

    def written(self, value: datetime | None) -> Json:
        return stamp(value)


class Names(Fact[list[str], Iterable[str] | None]):
    def read(self, value: Json) -> list[str]:
        return _names(value)

    def written(self, value: Iterable[str] | None) -> Json:
        return None if value is None else list(value)


class OneOrMore(Fact[list[str], str | Iterable[str] | None]):
    def read(self, value: Json) -> list[str]:
        return [value] if isinstance(value, str) else _names(value)

    def written(self, value: str | Iterable[str] | None) -> Json:
        return value if isinstance(value, str | None) else list(value)


class Count(Fact[int, int]):
    def read(self, value: Json) -> int:
        return 0 if value is None else int(str(value))


class Anything(Fact[Json, Json]):
    """For whoever shows it."""

    def read(self, value: Json) -> Json:
        return value


class Content(Fact[Facts, Facts]):
    """What has keys of its own."""

    def read(self, value: Json) -> Facts:
        return value if isinstance(value, dict) else {}


@dataclass_transform(kw_only_default=True)
class Record:
    """Its subclasses are the kinds."""

    keys: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **values: object) -> None:
        given = ((getattr(type(self), name), value) for name, value in values.items())
        self._facts: Facts = {fact.name: fact.written(value) for fact, value in given}

    def __init_subclass__(cls) -> None:
        cls.keys |= {fact.name for fact in vars(cls).values() if isinstance(fact, Fact)}

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """They may have more keys than this kind."""
        record = cls.__new__(cls)
        record._facts = facts  # noqa: SLF001 -- its own
        return record

    @classmethod
    def only(cls, facts: Facts) -> Self:
        """Of them what this kind has keys for."""
        return cls.of({name: facts[name] for name in cls.keys & facts.keys()})

    @property
    def facts(self) -> Facts:
        """As the journal has them."""
        return self._facts

    def has(self, fact: Fact[Read, Given]) -> bool:
        """A null too is there."""
        return fact.name in self._facts

    def __or__(self, later: "Record") -> Self:
        return self.of({**self._facts, **later.facts})

    def __bool__(self) -> bool:
        return bool(self._facts)
