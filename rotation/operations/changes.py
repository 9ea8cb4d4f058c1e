"""What one configuration gives that another one does not: for the review of a change.

It compares two files, and needs neither a service nor, except for what is due, the journal. A key that is
added to the configuration later is compared as well: what no rule knows is a changed setting.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from rotation.config import Configuration, ConfiguredSecret
from rotation.journal.entries import Identity
from rotation.plan.specification import differences, waiting
from rotation.plugins.registry import Plugin, installed, parts_of
from rotation.plugins.trust import Trust, reading
from rotation.schedule.due import DueState, due
from rotation.types import Specification

SHOWN_MAX = 120
INSTALLATION = "the installation"


class Gains(StrEnum):
    """What lets somebody do more. All of these are looked at like a change of rights."""

    CODE = "code execution"
    SINK = "a sink"
    HOST = "a host"
    REFERENCE = "a reference"
    RIGHT = "a right to name"
    APPROVAL = "a right to approve"


@dataclass(frozen=True, slots=True, order=True)
class Gain:
    """whose: the owner of the secret and its name, or the installation."""

    kind: Gains
    whose: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """By name of the secret. due: None where the journal cannot be read."""

    gains: list[Gain] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    moved: dict[str, list[str]] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)
    pauses: dict[str, str] = field(default_factory=dict)
    due: list[str] | None = None
    settings: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return not any(
            (self.gains, self.new, self.gone, self.renamed, self.moved, self.changed, self.pauses,
             self.due, self.settings)
        )  # fmt: skip


def changes(
    old: Configuration,
    new: Configuration,
    now: datetime,
    rows: Mapping[str, Identity] | None,
) -> Changes:
    """rows: of the journal, by stream."""
    found = Changes(due=None if rows is None else [])
    _of_head(found, old, new)
    before = {new.renamed.get(name, name): entry for name, entry in old.entries.items()}
    for name, entry in new.entries.items():
        former = before.pop(name, None)
        if former is None:
            found.new.append(name)
        elif former.id != name:
            found.renamed[former.id] = name
        _of_secret(found, _Both(old, new, former, entry), now)
        if rows is not None and found.due is not None:
            row = rows.get(entry.stream)
            was = former and due(former, row, now, old.freezes).kind
            if due(entry, row, now, new.freezes).kind is DueState.DUE is not was:
                found.due.append(name)
    found.gone.extend(entry.id for entry in before.values())
    found.gains.sort()
    return found


# ------------------------------------------------------------------------------ of one secret


@dataclass(frozen=True, slots=True)
class _Both:
    """One secret before and after. former: None where it is new."""

    old: Configuration
    new: Configuration
    former: ConfiguredSecret | None
    entry: ConfiguredSecret

    @property
    def whose(self) -> str:
        return f"{self.entry.owner}: {self.entry.id}"

    @property
    def is_alike(self) -> bool:
        """Nothing of its own differs, so its specification need not be built."""
        former = self.former
        return former is not None and (
            former.text == self.entry.text
            and former.identity == self.entry.identity
            and former.place == self.entry.place
            and self.old.surroundings.classes == self.new.surroundings.classes
        )

    def before(self) -> Specification | None:
        """With what the old configuration trusted: its plugins need not be trusted any more."""
        if self.former is None:
            return None
        with reading(Trust(self.old.head.plugins)):
            return self.old.specification(self.former)


def _of_secret(found: Changes, both: _Both, now: datetime) -> None:
    if both.is_alike:
        return
    name, former, entry = both.entry.id, both.former, both.entry
    before, after = both.before(), both.new.specification(entry)
    found.gains.extend(Gain(kind, both.whose, what) for kind, what in _gained(both, before, after))
    if former is None or before is None:
        return
    moves = [
        f"{what}: {was} -> {is_}"
        for what, was, is_ in (
            ("place", former.place, entry.place),
            ("credential", former.identity, entry.identity),
        )
        if was != is_
    ]
    if moves:
        found.moved[name] = moves
    other = [*differences(before, after), *waiting(before, after), *_in_entry(former, entry)]
    if other:
        found.changed[name] = sorted(set(other))
    pause = _pause(former, entry, now)
    if pause:
        found.pauses[name] = pause


def _in_entry(former: ConfiguredSecret, entry: ConfiguredSecret) -> Iterator[str]:
    """What no rotation keeps."""
    pairs = (
        ("owner", former.owner, entry.owner),
        ("application", former.application, entry.application),
        ("environment", former.environment, entry.environment),
        ("class", former.class_name, entry.class_name),
        ("state", former.state, entry.state),
        ("schedule", former.schedule, entry.schedule),
        ("max_age_s", former.max_age_s, entry.max_age_s),
        ("period_s", former.period_s, entry.period_s),
        ("exception", former.exception, entry.exception),
    )
    yield from (key for key, was, is_ in pairs if was != is_)


def _pause(former: ConfiguredSecret, entry: ConfiguredSecret, now: datetime) -> str:
    was, is_ = former.paused_at(now), entry.paused_at(now)
    if was and not is_:
        return f"ends: it was {was}, until {former.until:%Y-%m-%d}"
    if is_ and not was:
        return f"begins: {is_}, until {entry.until:%Y-%m-%d}"
    if is_ and former.until != entry.until:
        return f"until {former.until:%Y-%m-%d} -> {entry.until:%Y-%m-%d}: {is_}"
    return ""


def _gained(
    both: _Both, before: Specification | None, after: Specification
) -> Iterator[tuple[Gains, str]]:
    if both.former is None or both.former.place != both.entry.place:
        yield Gains.SINK, f"{both.entry.identity} goes to {both.entry.place}"
    elif both.former.identity != both.entry.identity:
        yield Gains.SINK, f"{both.entry.place} gets {both.entry.identity}"
    with reading(Trust(both.old.head.plugins)):
        known = _local(before) if before is not None else set()
    gained = _local(after) - known
    if before is None:  # that a new secret uses a connection says nothing more
        gained = {each for each in gained if each[0] is not Gains.HOST}
    yield from ((kind, _short(what)) for kind, what in sorted(gained))
    regions = set(after.regions) - set(before.regions if before is not None else ())
    yield from ((Gains.SINK, f"a replica in {region}") for region in sorted(regions))
    delivered = {each.id: each for each in before.consumers} if before is not None else {}
    for consumer in after.consumers:
        former = delivered.get(consumer.id)
        is_new = former is None or former.plugin != consumer.plugin or former.gone
        if is_new and consumer.pushed and not consumer.gone:
            options = _short({"type": consumer.plugin.type, **consumer.plugin.options})
            yield Gains.SINK, f"consumer {consumer.id} gets the value: {options}"


def _local(spec: Specification) -> set[tuple[Gains, str]]:
    """The commands that it starts, the files that it writes, the connections that it uses, where
    its values wait. Whole: two that begin alike are two."""
    found = set()
    for kind, part in parts_of(spec):
        plugin = installed().read_back(kind, part)
        if kind == "stores" and plugin.staged is not None:
            found.add((Gains.SINK, f"stages new values in {plugin.staged}"))
        for words in plugin.commands().values():
            found.add((Gains.CODE, f"starts {_json(list(words))}"))
        for path in plugin.files().values():
            found.add((Gains.SINK, f"writes {path}"))
        if plugin.connection is not None:
            found.add((Gains.HOST, f"uses the connection {plugin.connection}"))
    return found


# -------------------------------------------------------------------------------- of the rest

Leaf = tuple[str, ...]


def _of_head(found: Changes, old: Configuration, new: Configuration) -> None:
    was, is_ = dict(_leaves((), _plain(old.head))), dict(_leaves((), _plain(new.head)))
    for leaf in sorted(was.keys() | is_.keys()):
        before, after = was.get(leaf), is_.get(leaf)
        if before == after:
            continue
        name = ".".join(leaf)
        unpinned = leaf in is_ and leaf[0] == "plugins" and leaf[-1] == "digest" and not after
        added = "none, so any files" if unpinned else _added(leaf, before, after)
        kind = _kind(leaf, added) if added is not None else None
        if leaf[0] == "classes" and "approvals" in leaf:
            change = f"{name}: {_short(before)} -> {_short(after)}"
            if _asks_less(leaf[-1], before, after):
                found.gains.append(Gain(Gains.APPROVAL, INSTALLATION, change))
            else:
                found.settings.append(change)
        elif kind is not None:
            found.gains.append(Gain(kind, INSTALLATION, f"{name}: {_short(added)}"))
        else:
            found.settings.append(f"{name}: {_short(before)} -> {_short(after)}")


def _asks_less(key: str, before: object, after: object) -> bool:
    """Whether somebody can do what more, or other, people had to agree to."""
    if before is None:
        return after == "accepted"
    if isinstance(before or 0, int) and isinstance(after or 0, int) and key != "expire_s":
        return int(str(after or 0)) < int(str(before or 0))
    return True


def _added(leaf: Leaf, before: object, after: object) -> object:
    """What is there now and was not; None: nothing. Fewer words of a command, or the same ones in
    another order, are another command."""
    if isinstance(after, list) and isinstance(before, list) and leaf[-1] != "argv":
        more = [each for each in after if each not in before]
        return more or None
    return after or None


_BY_KEY: Mapping[str, Gains] = {
    "commands": Gains.CODE,
    "argv": Gains.CODE,
    "plugins": Gains.CODE,
    "file_roots": Gains.SINK,
    "include": Gains.RIGHT,
    "approvals": Gains.APPROVAL,
    "seal_key": Gains.REFERENCE,
    "journal": Gains.REFERENCE,
    "bindings": Gains.REFERENCE,
    "connections": Gains.HOST,
    "url": Gains.HOST,
}


def _kind(leaf: Leaf, value: object) -> Gains | None:
    """By the form of the value first: a file or a variable is read wherever it is named."""
    top = _BY_KEY.get(leaf[0])
    if top in (Gains.CODE, Gains.SINK, Gains.RIGHT, Gains.APPROVAL):
        return top
    if leaf[-1] in _BY_KEY and _BY_KEY[leaf[-1]] is Gains.CODE:
        return Gains.CODE
    if isinstance(value, str) and value.startswith(("/", "$")):
        return Gains.REFERENCE
    if isinstance(value, str) and "://" in value:
        return Gains.HOST
    return top or _BY_KEY.get(leaf[-1])


def _leaves(way: Leaf, value: Any) -> Iterator[tuple[Leaf, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves((*way, key), inner)
    else:
        yield way, value


# How the items of a list are told apart.
_NAMES = ("id", "distribution", "files")


def _plain(value: Any) -> Any:
    """As JSON. Items with a name become a mapping, so that their order says nothing."""
    if isinstance(value, Plugin):
        spec = value.specification()
        return {"type": spec.type, **_plain(spec.options)}
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return _items([_plain(each) for each in value])
    return value if isinstance(value, str | int | bool | None) else str(value)


def _items(items: list[Any]) -> Any:
    for key in _NAMES:
        names = [each.get(key) for each in items if isinstance(each, dict)]
        if names and len(set(names)) == len(items) and None not in names:
            return dict(zip(names, items, strict=True))
    return items


def _short(value: object) -> str:
    """A configuration holds no secret. The end is shown as well: it may be all that is new."""
    text = value if isinstance(value, str) else _json(value)
    head, tail = text[: SHOWN_MAX * 2 // 3], text[-SHOWN_MAX // 3 :]
    return text if len(text) <= SHOWN_MAX else f"{head} … {tail}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def by_stream(rows: Iterable[Identity]) -> Mapping[str, Identity]:
    return {row.stream: row for row in rows}
