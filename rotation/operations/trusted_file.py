"""Which configurations a user looked at, so that they may be used where they are only found.

A file that is found by walking up may come with a cloned repository. It names hosts that logins are sent
to and commands that are started, so nothing is asked of a service by it until its user trusts it.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from rotation.config import Configuration
from rotation.errors import UsageError
from rotation.operations.init import state_directory
from rotation.runtime.ownership import flaws, ordinary, replace_whole

SCHEMA_VERSION = 1
BYTES_MAX = 1 << 20


def is_trusted(configuration: Configuration) -> bool:
    """As it is now, with everything that it includes and the commands that came with it."""
    return _known().get(_name(configuration)) == _digest(configuration)


def remember(configuration: Configuration) -> None:
    known = {**_known(), _name(configuration): _digest(configuration)}
    place = _place()
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(place, json.dumps({"schema_version": SCHEMA_VERSION, "files": known}))
    except OSError as error:
        raise UsageError(
            "trust.not-remembered",
            f"{place} cannot be written: {error.strerror}; nothing is trusted by it",
            "name the configuration with -c, or set ROTATION_CONFIG",
        ) from None


def _digest(configuration: Configuration) -> str:
    """What came with the file: a directory elsewhere on this host is not its author's to change."""
    commands, digest = configuration.commands, hashlib.sha256(configuration.digest.encode())
    home = configuration.path.resolve().parent
    if commands is not None and commands.resolve().is_relative_to(home) and commands.is_dir():
        for path in sorted(path for path in commands.iterdir() if path.is_file()):
            digest.update(f"{path.name}\0".encode(errors="surrogateescape"))
            digest.update(hashlib.sha256(_content(path)).digest())
    return digest.hexdigest()


def _content(command: Path) -> bytes:
    """Nothing of one that this user may only start."""
    with suppress(OSError):
        return command.read_bytes()
    return b""


def _name(configuration: Configuration) -> str:
    return str(configuration.path.resolve())


def _place() -> Path:
    return state_directory() / "trusted.json"


def _known() -> dict[str, str]:
    """Nothing where the list cannot be read, or somebody else may have written it."""
    place = _place()
    try:
        if any(flaws(place)):
            return {}
        with ordinary(place) as file:
            content = json.loads(file.read(BYTES_MAX))
        files = content["files"] if content["schema_version"] == SCHEMA_VERSION else {}
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
