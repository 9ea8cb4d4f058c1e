"""The packages of others that have plugins, and the lines of a configuration that trust them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotation.config import document
from rotation.config.plugins import trusted_by
from rotation.errors import UnknownName, UsageError
from rotation.plugins.registry import installed
from rotation.plugins.trust import Trust, digest_of, foreign, normal
from rotation.runtime.ownership import ordinary, replace_whole

TRUSTED, UNPINNED, UNNAMED = "trusted", "trusted, any files", "not trusted"
OTHER_VERSION, CHANGED = "another version is trusted", "its files have changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One as it is installed. standing: against the configuration."""

    name: str
    version: str
    digest: str
    plugins: tuple[str, ...]
    standing: str

    @property
    def line(self) -> str:
        """The item of `plugins:` that trusts it."""
        return f'{{distribution: {self.name}, version: "{self.version}", digest: "{self.digest}"}}'


def packages(configuration: Path) -> list[Package]:
    """Also where the configuration is refused because it does not trust one of them."""
    return installed_packages(trusted_by(document.parse(_text(configuration))[0]))


def installed_packages(trust: Trust) -> list[Package]:
    found = []
    for package, plugins in foreign(installed().points()).values():
        digest = digest_of(package)
        standing = _standing(trust, package.name, package.version, digest)
        found.append(
            Package(
                name=package.name, version=package.version, digest=digest,
                plugins=tuple(plugins), standing=standing,
            )
        )  # fmt: skip
    return found


def _standing(trust: Trust, name: str, version: str, digest: str) -> str:
    named = trust.named.get(normal(name))
    if named is None:
        return UNNAMED
    if named.version != version:
        return OTHER_VERSION
    if named.digest is None:
        return UNPINNED
    return TRUSTED if named.digest == digest else CHANGED


def package_of(configuration: Path, name: str) -> Package:
    found = packages(configuration)
    for package in found:
        if normal(package.name) == normal(name):
            return package
    there = ", ".join(package.name for package in found) or "none"
    raise UnknownName(
        "trust.unknown", f"no package {name} with plugins is installed", f"there is {there}"
    )


def write(configuration: Path, package: Package) -> None:
    """Trusts it as it is installed. The file is replaced only if nothing else of its content would
    change."""
    before = _text(configuration)
    after = _edited(before, package)
    if after is None or not _differs_in_this_alone(before, after, package):
        raise UsageError(
            "trust.by-hand",
            f"{configuration} is written in a way that this command does not edit; nothing was changed",
            f"put this under `plugins:` by hand: - {package.line}",
        )
    _replace(configuration, after)


def _text(path: Path) -> str:
    try:
        with ordinary(path) as file:
            return file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(
            "config.unreadable", f"{path} cannot be read: {why}", "name another file with -c"
        ) from None


_KEY = re.compile(r"^plugins:[ \t]*(#.*)?\n", re.MULTILINE)


def _edited(text: str, package: Package) -> str | None:
    """The item in place of its former one, below `plugins:`, or with that key at the end."""
    item, name = f"  - {package.line}\n", re.escape(package.name)
    own = re.compile(rf"^  - \{{distribution: [\"']?{name}[\"']?,[^\n}}]*\}}[ \t]*\n", re.MULTILINE)
    if own.search(text):
        return own.sub(lambda _: item, text, count=1)
    if key := _KEY.search(text):
        return text[: key.end()] + item + text[key.end() :]
    return f"{text.rstrip()}\n\nplugins:\n{item}"


def _differs_in_this_alone(before: str, after: str, package: Package) -> bool:
    old, (new, problems, _) = document.parse(before)[0], document.parse(after)
    if problems or not isinstance(old, dict) or not isinstance(new, dict):
        return False
    wanted = {"distribution": package.name, "version": package.version, "digest": package.digest}
    others = [each for each in _items(old) if not _is(each, package)]
    kept = [each for each in _items(new) if not _is(each, package)]
    mine = [each for each in _items(new) if _is(each, package)]
    rest = {**old, "plugins": None} == {**new, "plugins": None}
    return rest and kept == others and mine == [wanted]


def _items(raw: dict[str, Any]) -> list[Any]:
    items = raw.get("plugins")
    return items if isinstance(items, list) else []


def _is(item: Any, package: Package) -> bool:
    named = item.get("distribution") if isinstance(item, dict) else None
    return isinstance(named, str) and normal(named) == normal(package.name)


def _replace(path: Path, text: str) -> None:
    """The file itself where `path` is a link; whole or not at all."""
    target = path.resolve()
    try:
        replace_whole(target, text, mode=target.stat().st_mode & 0o7777)
    except OSError as error:
        raise UsageError(
            "trust.not-written",
            f"{path} cannot be changed: {error.strerror}; it is as it was",
            "run it as the owner of the file, or put the line there by hand",
        ) from None
