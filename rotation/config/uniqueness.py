"""What no two entries may share: name, credential, place in the store, files."""

from collections.abc import Iterator, Mapping

from rotation.config.configuration import ConfiguredSecret
from rotation.config.findings import Problem, Where


class Taken:
    """What the entries that were read so far have."""

    def __init__(self) -> None:
        self.entries: dict[str, ConfiguredSecret] = {}
        self._turned: dict[str, ConfiguredSecret] = {}
        self._places: dict[str, ConfiguredSecret] = {}
        self._delivered: dict[str, ConfiguredSecret] = {}

    def twice(self, entry: ConfiguredSecret) -> Iterator[Problem]:
        """Problems where another entry has it already: every credential has one entry and one
        owner."""
        other = self.entries.setdefault(entry.id, entry)
        if other is not entry:
            hint = f"{other.file}:{other.line} has it" if other.file != entry.file else ""
            message = f"there is a secret `{entry.id}` already"
            yield Problem(("id",), "config.duplicate-id", message, hint)
        others = [
            self._turned.setdefault(turned, entry) for turned in entry.turns or (entry.identity,)
        ]
        for other in {other.id: other for other in others if other is not entry}.values():
            yield _same(entry, other, ("issuer",), "config.duplicate-identity")
        other = self._places.setdefault(entry.place, entry)
        if other is not entry:
            yield _same(entry, other, ("store",), "config.duplicate-store")

    def files_twice(self, files: Mapping[Where, str], entry: ConfiguredSecret) -> Iterator[Problem]:
        """A file that two secrets write holds only the latest delivery."""
        for where, path in files.items():
            other = self._delivered.setdefault(path, entry)
            if other is not entry:
                yield Problem(
                    where,
                    "config.duplicate-file",
                    f"`{other.id}` is delivered into the same file: its readers would get this one",
                    "give each its own file",
                )


def _same(entry: ConfiguredSecret, other: ConfiguredSecret, where: Where, code: str) -> Problem:
    if (entry.application, entry.environment) != (other.application, other.environment):
        return Problem(
            where,
            "config.shared-credential",
            f"the same credential as `{other.id}` of {other.application}, {other.environment}: "
            "it cannot be revoked for one of them",
            "give each application and environment its own credential",
        )
    return Problem(where, code, f"the same as that of `{other.id}`", "one of the two has to go")
