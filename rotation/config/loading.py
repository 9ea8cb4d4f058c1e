"""Reads a configuration's files, and finds everything that is wrong with them at once."""

import gc
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from rotation.config import access, approving, document, included, leaks
from rotation.config.alike import Alike
from rotation.config.bindings import bound, content_of
from rotation.config.collecting import Report
from rotation.config.configuration import Configuration, ConfiguredSecret, entry_of
from rotation.config.findings import ConfigInvalid, Invalid, Problem, Where, collected, spell
from rotation.config.model import Document, Secret
from rotation.config.plugins import trusted_by
from rotation.config.reading import shape
from rotation.config.rules import Surroundings, resolve, warnings
from rotation.config.scope import Include, Scope
from rotation.config.times import policy_classes
from rotation.config.uniqueness import Taken
from rotation.errors import UsageError
from rotation.plugins.registry import installed
from rotation.plugins.trust import reading
from rotation.runtime.ownership import ordinary

# Bytes of an inventory that are read together.
BLOCK = 1 << 20

# For the YAML file: all its values are held in memory before any of them is judged.
FILE_BYTES_MAX = 16 << 20

# For one secret in an inventory.
LINE_BYTES_MAX = 1 << 20


def load(path: Path, *, bindings: bool = True) -> Configuration:
    """The configuration of that file and of the inventories that it names. Raises ConfigInvalid
    with all that is wrong, UsageError where the file cannot be read. bindings: with what the stack
    made, if there is a stack; the stack itself reads the file without."""
    with _uncollected():
        return _Loading(path, bindings=bindings).configuration()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Reading leaves no reference cycles, and looking for them takes a quarter of its time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Loading:
    def __init__(self, path: Path, *, bindings: bool) -> None:
        self._path = path
        self._with_bindings = bindings
        self._file = str(path)
        self._report = Report()
        self._digest = hashlib.sha256()
        self._taken = Taken()
        self._included: dict[Path, Where] = {}
        self._scope: Scope | None = None  # of the file that is being read
        self._renamed: dict[str, tuple[ConfiguredSecret, Where]] = {}

    def configuration(self) -> Configuration:
        text = self._text()
        raw, problems, lines = document.parse(text)
        for line, problem in problems:
            self._report.add(self._file, line, [problem])
        if raw is None and problems:
            raise self._refusal(text)
        if self._with_bindings and isinstance(raw, dict) and isinstance(raw.get("bindings"), str):
            self._bind(raw, self._path.parent / raw["bindings"])
        trust = trusted_by(raw)
        with reading(trust):
            configuration = self._read(raw, text, lines)
        installed().trust = trust
        return configuration

    def _bind(self, raw: dict[str, Any], path: Path) -> None:
        """Whoever trusted the configuration without this file has not seen what is in it."""
        try:
            content = content_of(path)
        except OSError:
            problem = Problem(("bindings",), "config.unreadable", "the file cannot be read")
            self._report.add(self._file, None, [problem])
            return
        self._hash(content)
        if content:
            self._report.add(self._file, None, access.problems(path))
            self._report.add(self._file, None, bound(raw, content))

    def _hash(self, content: bytes) -> None:
        """Each file by itself: what is moved from one into another is a change."""
        self._digest.update(hashlib.sha256(content).digest())

    def _read(self, raw: Any, text: str, lines: Mapping[Where, int]) -> Configuration:
        found: list[Problem] = []
        head = collected(found, shape(Document).read, raw)
        self._report.add(self._file, None, found)
        if not isinstance(raw, dict):
            raise self._refusal(text)
        self._context = self._surroundings(raw)
        self._alike = Alike(self._context)
        self._secrets(raw, text, lines, self._file)
        for n, name in enumerate(_list(raw, "inventory")):
            self._inventory(name, ("inventory", n))
        for n, given in enumerate(_list(raw, "include")):
            if (include := collected([], shape(Include).read, given)) is not None:
                self._include(include, ("include", n))
        self._check_former_names()
        approvals = None if head is None else head.approvals
        self._report.add(self._file, None, approving.problems(approvals, self._context.classes))
        if head is None or self._report.failed:
            raise self._refusal(text)
        return self._result(head, text)

    def _secrets(
        self, raw: Mapping[str, Any], text: str, lines: Mapping[Where, int], file: str
    ) -> None:
        suspicious = leaks.may_hold_one(text.encode())
        leaking = suspicious and self._leaks(raw, file, None)
        for n, secret in enumerate(_list(raw, "secrets")):
            where = ("secrets", n)
            self._in_yaml(secret, file, lines[where], where, leaking=leaking)

    def _refusal(self, text: str) -> ConfigInvalid:
        self._report.locate(self._file, text)
        return ConfigInvalid(self._report.findings(), self._report.further_errors)

    def _result(self, head: Document, text: str) -> Configuration:
        directory = self._path.absolute().parent
        self._report.locate(self._file, text)
        return Configuration(
            path=self._path,
            installation=head.installation,
            journal=directory / head.journal,
            seal_key=None if head.seal_key is None else directory / head.seal_key,
            commands=None if head.commands is None else directory / head.commands,
            file_roots=tuple(map(Path, head.file_roots)),
            freezes=head.freezes,
            concurrency=head.limits.concurrency,
            look_every_s=head.limits.look_every_s,
            warnings=tuple(self._report.findings()),
            further_warnings=self._report.further,
            digest=self._digest.hexdigest(),
            surroundings=self._context,
            entries=self._taken.entries,
            renamed={former: entry.id for former, (entry, _) in self._renamed.items()},
            alerts=head.alerts,
            approvals=head.approvals,
            health=head.health,
            heartbeat=head.heartbeat,
            reviews=head.reviews,
            head=replace(head, secrets=[]),
        )

    def _text(self) -> str:
        try:
            with ordinary(self._path) as file:
                content = file.read(FILE_BYTES_MAX + 1)
            self._report.add(self._file, 1, access.problems(self._path))
        except OSError as error:
            raise UsageError(
                "config.unreadable",
                f"{self._file} cannot be read: {error.strerror}",
                "name another file with -c, or write one with `rotation init`",
            ) from None
        text = self._decoded(content, self._file)
        if text is None:
            raise self._refusal("")
        return text

    def _decoded(self, content: bytes, file: str) -> str | None:
        """None: it is no file that can be read on, and the report says why."""
        if len(content) > FILE_BYTES_MAX:
            problem = Problem(
                (),
                "config.too-large",
                f"longer than {FILE_BYTES_MAX >> 20} MiB",
                "many secrets belong in an `inventory:`, which is read line by line",
            )
            self._report.add(file, 1, [problem])
            return None
        self._hash(content)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self._report.add(file, line, [Problem((), "config.syntax", "a byte that is no UTF-8")])
            return None

    def _include(self, include: Include, where: Where) -> None:
        """Its secrets are alike among themselves only: each include may name other things."""
        self._alike, self._scope = Alike(self._context), Scope(include)
        for found in included.files_of(include, self._path):
            if isinstance(found, Problem):
                self._report.add(self._file, None, [found.under(*where)])
            elif (real := found.resolve()) in self._included:
                message = f"`{found.name}` is included already, by {spell(self._included[real])}"
                problem = Problem((*where, "files"), "config.include-twice", message)
                self._report.add(self._file, None, [problem])
            else:
                self._included[real] = where
                self._included_file(found, where)

    def _included_file(self, path: Path, where: Where) -> None:
        file = str(path)
        try:
            self._report.add(file, 1, access.problems(path))
            with ordinary(path) as opened:
                content = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            message = f"`{path.name}` cannot be read: {error.strerror}"
            problem = Problem((*where, "files"), "config.unreadable", message)
            self._report.add(self._file, None, [problem])
            return
        text = self._decoded(content, file)
        if text is None:
            return
        raw, problems, lines = document.parse(text)
        for line, problem in problems:
            self._report.add(file, line, [problem])
        if raw is not None or not problems:
            self._report.add(file, None, included.foreign_keys(raw))
            if isinstance(raw, dict):
                self._secrets(raw, text, lines, file)
        self._report.locate(file, text)

    def _surroundings(self, raw: Mapping[str, Any]) -> Surroundings:
        """Whatever can be read of them, so that the secrets' own mistakes are found as well."""
        connections, broken = _readable(raw, "connections")
        declared, unreadable = _readable(raw, "classes")
        classes, problems = policy_classes(declared)
        self._report.add(self._file, None, problems)
        return Surroundings(
            connections,
            classes,
            file_roots=tuple(root for root in _list(raw, "file_roots") if isinstance(root, str)),
            has_commands="commands" in raw,
            unreadable=broken | unreadable,
        )

    def _in_yaml(self, raw: Any, file: str, line: int, where: Where, *, leaking: bool) -> None:
        text = json.dumps(raw).encode()
        like = self._alike.entry(text, file, line)
        if like is None:
            self._secret(raw, text, file, line, where, leaking=leaking)
        else:
            self._add(*like, where)

    def _secret(
        self, raw: Any, text: bytes, file: str, line: int, where: Where, *, leaking: bool
    ) -> None:
        try:
            resolved = resolve(shape(Secret).read(raw), self._context)
        except Invalid as error:
            self._report_problems(file, line, error.problems, where)
            return
        entry = entry_of(resolved, file=file, line=line, text=text)
        beyond: tuple[Problem, ...] = ()
        if self._scope is not None:
            beyond = tuple(included.beyond_in_detail(resolved, self._scope))
        found = tuple(warnings(resolved))
        self._add(entry, (*found, *beyond), where)
        files = {} if entry.state == "retired" else resolved.files
        self._report_problems(file, line, self._taken.files_twice(files, entry), where)
        former = resolved.secret.was
        if former is not None:
            self._rename(former, entry, where)
        elif not leaking and not files and not beyond:  # each of these has a place of its own
            self._alike.learn(text, raw, resolved, entry, found)

    def _add(self, entry: ConfiguredSecret, found: Iterable[Problem], where: Where = ()) -> None:
        beyond = included.beyond(entry, self._scope) if self._scope is not None else ()
        problems = (*found, *self._taken.twice(entry), *beyond)
        if problems:
            self._report_problems(entry.file, entry.line, problems, where)

    def _rename(self, former: str, entry: ConfiguredSecret, where: Where) -> None:
        other, _ = self._renamed.setdefault(former, (entry, where))
        if other is not entry:
            problem = Problem(
                ("was",),
                "config.was",
                f"`{other.id}` was called so as well",
                "one of the two was not",
            )
            self._report_problems(entry.file, entry.line, [problem], where)

    def _check_former_names(self) -> None:
        for former, (entry, where) in self._renamed.items():
            if former in self._taken.entries:
                problem = Problem(
                    ("was",),
                    "config.was",
                    f"there is a secret `{former}` still: a name stands for one secret",
                    "take `was` out once nothing is open that began under that name",
                )
                located = where if entry.file == self._file else ()
                self._report_problems(entry.file, entry.line, [problem], located)

    def _report_problems(
        self, file: str, line: int, problems: Iterable[Problem], where: Where
    ) -> None:
        # For the YAML file, each problem's line is looked up only when it is needed.
        known = None if where else line
        self._report.add(file, known, (problem.under(*where) for problem in problems))

    def _leaks(self, raw: Any, file: str, line: int | None) -> bool:
        found = list(_leaks(raw))
        self._report.add(file, line, found)
        return bool(found)

    def _inventory(self, name: Any, where: Where) -> None:
        if not isinstance(name, str):
            return
        path = self._path.parent / name
        try:
            if found := [*access.problems(path)]:
                self._report.add(str(path), 1, found)
                return
            with ordinary(path) as file:
                number, whole = 0, hashlib.sha256()
                while lines := _block(file):
                    block = b"".join(lines)
                    whole.update(block)
                    self._lines(lines, block, str(path), number)
                    number += len(lines)
            self._hash(whole.digest())
        except OSError as error:
            message = f"the file cannot be read: {error.strerror}"
            self._report.add(self._file, None, [Problem(where, "config.unreadable", message)])

    def _lines(self, lines: list[bytes], block: bytes, file: str, before: int) -> None:
        suspicious = leaks.may_hold_one(block)
        for number, line in enumerate(lines, before + 1):
            text = line.strip()
            like = self._alike.entry(text, file, number, suspicious=suspicious)
            if like is not None:
                self._add(*like)
            elif text:
                self._line(text, file, number, suspicious=suspicious)

    def _line(self, text: bytes, file: str, number: int, *, suspicious: bool) -> None:
        try:
            raw = document.parse_line(text.decode())
        except Invalid as error:
            self._report.add(file, number, error.problems)
        except (ValueError, RecursionError):
            problem = Problem((), "config.syntax", "not one JSON object on one line")
            self._report.add(file, number, [problem])
        else:
            leaking = suspicious and self._leaks(raw, file, number)
            self._secret(raw, text, file, number, (), leaking=leaking)


def _leaks(raw: Any) -> Iterable[Problem]:
    for where in leaks.find(raw):
        if where[:1] == ("plugins",) and where[2:] == ("digest",):
            continue  # as random as a secret, and of one form only
        yield Problem(
            where,
            "config.inline-secret",
            "this looks like a secret, which a configuration must not contain",
            "take it out, and replace it where it is used: files are copied and backed up",
        )


def _block(file: BinaryIO) -> list[bytes]:
    """Whole lines. A line that is too long is cut, and then is no JSON."""
    lines, size = [], 0
    while size < BLOCK and (line := file.readline(LINE_BYTES_MAX)):
        lines.append(line)
        size += len(line)
    return lines


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _readable(raw: Mapping[str, Any], key: str) -> tuple[dict[str, Any], frozenset[str]]:
    """The parts of a mapping that can be read, and the names of the others. What is wrong with
    those is reported elsewhere."""
    parts = raw.get(key)
    good: dict[str, Any] = {}
    for name, part in parts.items() if isinstance(parts, dict) else ():
        read = collected([], shape(Document).members[key].read, {name: part})
        good.update(read or {})
    return good, frozenset(parts or ()) - good.keys() if isinstance(parts, dict) else frozenset()
