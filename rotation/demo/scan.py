"""Looks for the bytes of secrets in raw files, in every spelling that a careless program may
write."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Hit:
    """Where, and in which spelling; never what."""

    path: Path
    spelling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was read, and what was found in it."""

    files: int
    size: int
    hits: tuple[Hit, ...]


def spellings(secret: str) -> Mapping[str, bytes]:
    """The secret in every spelling that raw bytes may hold. A Base64 text around it may start at
    one of three positions, so there are three Base64 spellings."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "json": json.dumps(secret)[1:-1].encode(),
        "url": urllib.parse.quote(secret, safe="").encode(),
        "hex": raw.hex().encode(),
        "upper hex": raw.hex().upper().encode(),
        "utf-16": secret.encode("utf-16-le"),
        "reversed": raw[::-1],
    }
    for shift, skip in enumerate((0, 2, 3)):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        # The last character before padding depends on what follows.
        core = text.rstrip("=")[:-1] if text.endswith("=") else text
        found[f"base64 at {shift}"] = core[skip:].encode()
        found[f"urlsafe base64 at {shift}"] = (
            core[skip:].translate(str.maketrans("+/", "-_")).encode()
        )
    return found


def scan(root: Path, secrets: Iterable[str], exempt: Iterable[Path] = ()) -> Scan:
    """Reads every regular file below `root` in raw form, except the exempt ones."""
    wanted = {(name, text) for secret in secrets for name, text in spellings(secret).items()}
    spared = frozenset(exempt)
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path not in spared]
    hits: list[Hit] = []
    size = 0
    for path in files:
        content = path.read_bytes()
        size += len(content)
        hits += [Hit(path, name) for name, text in sorted(wanted) if text in content]
    return Scan(files=len(files), size=size, hits=tuple(hits))


def blind_spots(directory: Path, canary: str) -> Iterator[str]:
    """Spellings that the scan misses, tried with a planted canary."""
    for name, text in spellings(canary).items():
        planted = directory / "canary"
        planted.write_bytes(b"before " + text + b" after")
        found = {hit.spelling for hit in scan(directory, [canary]).hits if hit.path == planted}
        planted.unlink()
        if name not in found:
            yield name
