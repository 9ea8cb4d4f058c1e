"""Which packages of others may run: their plugins are code with the runner's rights.

A package that was installed by mistake, or for something else, must not become an issuer because a
configuration names a word. So the configuration names the package as well, and what was looked at.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint
from importlib.util import find_spec
from pathlib import Path

from rotation.errors import UsageError
from rotation.types import require

# The distributions of this program.
OURS = frozenset({"rotation", "rotation-demo", "rotation-infra"})
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Of a compiled file: its first bytes say the interpreter's version, the next ones how it is checked.
_HEADER_BYTES, _FLAGS = 8, slice(4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A package whose plugins may be loaded."""

    distribution: str = field(metadata={"doc": "the package, as `pip list` names it"})
    version: str = field(metadata={"doc": "the one version that is trusted, quoted"})
    digest: str | None = field(
        default=None,
        metadata={"doc": "of its files, `sha256:...`; `rotation trust NAME` prints it"},
    )

    def __post_init__(self) -> None:
        require(self.distribution.strip() and self.version.strip(), "distribution: a package")
        wellformed = self.digest is None or DIGEST.fullmatch(self.digest)
        require(wellformed, "digest: `sha256:` and 64 hex digits")


def is_foreign(point: EntryPoint) -> bool:
    """By the distribution that declares it: a package of others may have modules under our names."""
    return point.dist is None or not _is_ours(point.dist)


@cache
def _is_ours(package: Distribution) -> bool:
    """Asked at each start: `package.name` would parse all of its description as a mail."""
    about = package.read_text("METADATA") or ""
    headers = itertools.takewhile(str.strip, about.splitlines())
    names = (line.partition(":")[2] for line in headers if line.lower().startswith("name:"))
    return normal(next(names, "").strip()) in OURS


def normal(distribution: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


class Trust:
    """What one configuration trusts."""

    def __init__(self, trusted: Iterable[Trusted] = ()) -> None:
        self.named = {normal(each.distribution): each for each in trusted}
        self._passed: set[str] = set()

    def check(self, point: EntryPoint) -> None:
        """Raises UsageError for a plugin of a package that is not trusted as it is installed."""
        if point.value in self._passed or not is_foreign(point):
            return
        if point.dist is None:
            raise _refused(point.name, "a package without a name", "install it as a package")
        self.check_package(point.dist, point)
        self._passed.add(point.value)

    def check_package(self, package: Distribution, point: EntryPoint) -> None:
        name, version = package.name, package.version
        way_out = f"look at the package; `rotation trust {name}` prints the lines that trust it"
        trusted = self.named.get(normal(name))
        if trusted is None:
            raise _refused(point.name, f"{name} {version}, which `plugins:` does not name", way_out)
        if trusted.version != version:
            raise UsageError(
                "plugin.other-version",
                f"`{point.name}` comes from {name} {version}, and `plugins:` trusts {trusted.version}; "
                "it was not loaded",
                way_out,
            )
        if trusted.digest is not None and trusted.digest != digest_of(package):
            raise UsageError(
                "plugin.changed",
                f"the files of {name} {version}, which has `{point.name}`, are not those that `plugins:` "
                "trusts; it was not loaded",
                f"install it again from its source, or {way_out}",
            )


# What the configuration trusts that this thread is reading.
_reading: ContextVar[Trust | None] = ContextVar("reading", default=None)


@contextmanager
def reading(trust: Trust) -> Iterator[None]:
    """While a configuration is read, its own `plugins:` decide, and only for who reads it: one that
    is refused changes nothing for those who work with the former one."""
    token = _reading.set(trust)
    try:
        yield
    finally:
        _reading.reset(token)


def check(point: EntryPoint, usual: Trust | None) -> None:
    """usual: what the configuration in use trusts; None: everything."""
    trust = _reading.get() or usual
    if trust is not None:
        trust.check(point)


def foreign(points: Iterable[EntryPoint]) -> Mapping[str, tuple[Distribution, list[str]]]:
    """The packages of others that have plugins, by name, and their plugins."""
    found: dict[str, tuple[Distribution, list[str]]] = {}
    for point in points:
        kind = point.group.partition(".")[2]
        if is_foreign(point) and point.dist is not None and not kind.startswith("options"):
            own = found.setdefault(normal(point.dist.name), (point.dist, []))[1]
            own.append(f"{kind}: {point.name}")
    return {name: (package, sorted(own)) for name, (package, own) in sorted(found.items())}


def _refused(plugin: str, source: str, way_out: str) -> UsageError:
    return UsageError(
        "plugin.untrusted", f"`{plugin}` comes from {source}; it was not loaded", way_out
    )


def digest_of(package: Distribution) -> str:
    """Of all files with code: those that pip recorded, and the packages that its entry points name,
    where it is installed as a link to its sources. Nothing of it is imported."""
    digest = hashlib.sha256()
    for name, path in sorted(dict(_files(package)).items()):
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()}"


def _files(package: Distribution) -> Iterator[tuple[str, Path]]:
    for recorded in package.files or ():
        about = recorded.parts[0].endswith(".dist-info") and recorded.name != "entry_points.txt"
        path = Path(str(package.locate_file(recorded)))
        if not about and ".." not in recorded.parts and _is_code(path):
            yield str(recorded), path
    for top in {point.module.partition(".")[0] for point in package.entry_points}:
        yield from _of_module(top)


def _of_module(top: str) -> Iterator[tuple[str, Path]]:
    found = find_spec(top)
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        yield from _below(top, Path(place), frozenset())
    if found is not None and found.origin and not found.submodule_search_locations:
        yield Path(found.origin).name, Path(found.origin)


def _below(name: str, place: Path, above: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    """Also through links, as an import goes; a circle of them holds nothing that was not met."""
    real = place.resolve()
    if real in above:
        return
    for path in place.iterdir():
        if path.is_dir():
            yield from _below(f"{name}/{path.name}", path, above | {real})
        elif _is_code(path):
            yield f"{name}/{path.name}", path


def _is_code(path: Path) -> bool:
    """Not what the interpreter writes beside the code, which it uses only for a source of that age. A
    compiled file that says otherwise came with the package, and is run in place of its source."""
    if not path.is_file():
        return False
    if path.parent.name != "__pycache__" or path.suffix != ".pyc":
        return True
    with path.open("rb") as file:
        return any(file.read(_HEADER_BYTES)[_FLAGS])
