"""Reads secrets quickly that differ only in names from an earlier one.

A program writes a fleet's inventory: a hundred thousand lines with the same keys, plugins,
connections and times. What was found right in one line is not checked again in the others; their
names are, by the usual rules. A line that is unlike all earlier ones, or whose names are wrong, is
read by the full reader, which says what is wrong.

Without it `plan` over 100,000 secrets takes more than twice as long, which exceeds the promised
limit: `python -m benchmarks` measures it.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any

from rotation.config.configuration import ConfiguredSecret
from rotation.config.findings import Invalid, Problem, Where
from rotation.config.leaks import looks_secret
from rotation.config.model import check_names
from rotation.config.reading import read_text, shape
from rotation.config.rules import NOBODY_YET, Resolved, Surroundings, located
from rotation.config.times import AGE_LIMITS
from rotation.options import IssuerOptions
from rotation.options import values as chosen
from rotation.plugins.registry import Plugin

# The number of secrets that are remembered. With more kinds of them little would be gained.
LEARNT_MAX = 4096

_PLAIN = r'[^"\\\x00-\x1f]*'
# A text under a key. Where nothing is escaped, a quote before a colon ends a key.
_VALUE = re.compile(f'": ?"({_PLAIN})"')

_OWN = (("id",), ("application",), ("environment",), ("owner",))


@dataclass(frozen=True, slots=True)
class _Options:
    """A plugin's options: those that are the same in all lines, and the places of the names."""

    kind: type
    same: Mapping[str, Any]
    places: Mapping[str, int]

    def named(self, values: Sequence[str]) -> Any:
        names = {name: values[place] for name, place in self.places.items()}
        return self.kind(**self.same, **names)


@dataclass(frozen=True, slots=True)
class _Like:
    """A secret that was found right, and the places of the names in its line."""

    entry: ConfiguredSecret
    remarks: tuple[Problem, ...]
    own: Sequence[int]
    consumers: Sequence[int]
    store: _Options
    issuer: _Options
    nature: tuple[Any, ...]

    @property
    def places(self) -> set[int]:
        options = (*self.store.places.values(), *self.issuer.places.values())
        return {*self.own, *self.consumers, *options}

    def named(
        self, values: Sequence[str], context: Surroundings, file: str, line: int, text: bytes
    ) -> ConfiguredSecret:
        """Another secret like it. Raises Invalid or ValueError where a name is wrong."""
        own_id, application, environment, owner = [values[place] for place in self.own]
        check_names(own_id, application, environment, owner)
        too_old = self.entry.max_age_s > AGE_LIMITS.get(environment, self.entry.max_age_s)
        if too_old or self.entry.exception or NOBODY_YET in (owner, self.entry.owner):
            raise ValueError("other rules hold for it")
        if len({values[place] for place in self.consumers}) < len(self.consumers):
            raise ValueError("a consumer is there twice")
        issuer = self.issuer.named(values)
        if _nature(issuer) != self.nature:
            raise ValueError("by this name it is an issuer of another kind")
        like, store = self.entry, self.store.named(values)
        place, identity, turns = located(store, Plugin(like.issuer, issuer), context)
        return ConfiguredSecret(
            own_id, identity, like.issuer, place, like.connection, like.class_name, owner,
            application, environment, like.state, like.until, like.reason, like.schedule,
            like.max_age_s, like.margin_s, like.period_s, file, line, text, turns=turns, by=like.by,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shape:
    """Lines with the same bytes around their texts. rest: the places of texts that are no names."""

    rest: Sequence[int]
    rest_of: Callable[[Sequence[str]], Any]
    likes: dict[Any, _Like]


class Alike:
    """What was learnt from the secrets so far."""

    def __init__(self, context: Surroundings) -> None:
        self._context = context
        self._shapes: dict[Sequence[str], _Shape] = {}
        self._learnt = 0
        self._usual: tuple[re.Pattern[str], _Like] | None = None

    def entry(
        self, text: bytes, file: str, line: int, *, suspicious: bool = False
    ) -> tuple[ConfiguredSecret, Sequence[Problem]] | None:
        """The secret of that line and the warnings about it; None: use the full reader. suspicious:
        it may hold a secret."""
        if b"\\" in text:
            return None
        try:
            like, values = self._compared(text.decode())
            if not like or (suspicious and looks_secret("\n".join(values))):
                return None
            return like.named(values, self._context, file, line, text), like.remarks
        except (ValueError, Invalid):
            return None

    def _compared(self, text: str) -> tuple[_Like | None, Sequence[str]]:
        """The secret that it is like, and its own values."""
        if self._usual is not None:
            pattern, like = self._usual
            if usual := pattern.fullmatch(text):
                return like, usual.groups()
        parts = _VALUE.split(text)
        values = parts[1::2]
        found = self._shapes.get(tuple(parts[::2]))
        return (found.likes.get(found.rest_of(values)) if found else None), values

    def learn(
        self,
        text: bytes,
        raw: Any,
        resolved: Resolved,
        entry: ConfiguredSecret,
        remarks: Sequence[Problem],
    ) -> None:
        """Learns from a secret without a mistake."""
        if self._learnt >= LEARNT_MAX or b"\\" in text or _starts_commands(resolved):
            return
        parts = _VALUE.split(text.decode())
        texts = dict(_texts(raw))
        if [*texts.values()] != parts[1::2]:
            return  # written in an unusual way
        like = _like({where: n for n, where in enumerate(texts)}, resolved, entry, remarks)
        rest = [n for n in range(len(texts)) if n not in like.places]
        known = self._shapes.setdefault(tuple(parts[::2]), _Shape(rest, itemgetter(*rest), {}))
        if known.rest == rest:
            known.likes[known.rest_of(parts[1::2])] = like
            self._learnt += 1
            # Most fleets have mainly one kind, and one match is quicker than taking the line apart.
            self._usual = self._usual or (_pattern(parts, like.places), like)


def _starts_commands(resolved: Resolved) -> bool:
    """Commands may depend on one of the names."""
    secret = resolved.secret
    return bool(secret.store.options.commands() or secret.issuer.options.commands())


def _pattern(parts: Sequence[str], names: Container[int]) -> re.Pattern[str]:
    """A pattern for lines that differ only in their names."""
    values = [_PLAIN if n in names else re.escape(it) for n, it in enumerate(parts[1::2])]
    context = map(re.escape, parts[::2])
    return re.compile(next(context) + "".join(f'": ?"({it})"{next(context)}' for it in values))


def _texts(value: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """Every text under a key, in the order of the file."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from _texts(inner, (*where, key))
        elif isinstance(inner, str) and isinstance(key, str):
            yield (*where, key), inner


def _like(
    places: Mapping[Where, int],
    resolved: Resolved,
    entry: ConfiguredSecret,
    remarks: Sequence[Problem],
) -> _Like:
    secret = resolved.secret
    return _Like(
        entry,
        tuple(remarks),
        own=[places[where] for where in _OWN],
        consumers=[n for where, n in places.items() if where[::2] == ("consumers", "id")],
        store=_options("store", secret.store.options, places),
        issuer=_options("issuer", secret.issuer.options, places),
        nature=_nature(secret.issuer.options),
    )


def _nature(issuer: IssuerOptions) -> tuple[Any, ...]:
    """Everything that the rules for a whole secret read of its issuer's options, except the
    identity."""
    return issuer.TRAITS, issuer.fields(), issuer.unverified, issuer.life_s


def _options(part: str, options: Any, places: Mapping[Where, int]) -> _Options:
    kind = type(options)
    named = {
        member.name: places[part, key]
        for key, member in shape(kind).members.items()
        if member.read is read_text and key != "connection" and (part, key) in places
    }
    made = {each.name for each in fields(kind) if each.init}
    same = {name: value for name, value in chosen(options) if name in made - named.keys()}
    return _Options(kind, same, named)
