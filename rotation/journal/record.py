"""A record: a typed view of an entry's facts, read by attribute.

A key that the entry does not have reads as None, False or empty, and a value that is not given
writes no key. A null is a value: it takes back what an earlier entry said. A key that no record
names comes from another version: it is not read, but it survives where a later entry repeats an
earlier one. A value of another type than this version writes reads as absent.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Generic, Self, TypeVar, cast, dataclass_transform, overload

from rotation.journal.entries import stamp, unstamp
from rotation.types import Facts, Json

Read = TypeVar("Read")
Given = TypeVar("Given")


class Fact(Generic[Read, Given]):
    """One key of a record. key: where it differs from the attribute's name. logged: events of the
    log have this key too."""

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
        """Only declares the type that the record's constructor takes."""
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


class Name(Fact[str, str]):
    """A text that every version so far writes. Where a later one does not, it reads as unknown."""

    UNKNOWN = "?"

    def read(self, value: Json) -> str:
        return self.UNKNOWN if value is None else str(value)


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
    """A value that is only shown."""

    def read(self, value: Json) -> Json:
        return value


class Content(Fact[Facts, Facts]):
    """A mapping with keys of its own."""

    def read(self, value: Json) -> Facts:
        return value if isinstance(value, dict) else {}


@dataclass_transform(kw_only_default=True)
class Record:
    """Each subclass is one kind of fact."""

    keys: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **values: object) -> None:
        given = ((getattr(type(self), name), value) for name, value in values.items())
        self._facts: Facts = {fact.name: fact.written(value) for fact, value in given}

    def __init_subclass__(cls) -> None:
        cls.keys |= {fact.name for fact in vars(cls).values() if isinstance(fact, Fact)}

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """A view of these facts, which may have more keys than this kind."""
        record = cls.__new__(cls)
        record._facts = facts  # noqa: SLF001 -- its own
        return record

    @classmethod
    def only(cls, facts: Facts) -> Self:
        """A view of only those facts that this kind has keys for."""
        return cls.of({name: facts[name] for name in cls.keys & facts.keys()})

    @property
    def facts(self) -> Facts:
        """The facts as the journal has them."""
        return self._facts

    def has(self, fact: Fact[Read, Given]) -> bool:
        """Whether the key is there; a null counts."""
        return fact.name in self._facts

    def __or__(self, later: "Record") -> Self:
        return self.of({**self._facts, **later.facts})

    def __bool__(self) -> bool:
        return bool(self._facts)
