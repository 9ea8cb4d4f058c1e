"""Refuse files that hold what looks like a live credential: those named, or all that git tracks;
with --history, every version of every file that can still be fetched.

Prints where and which kind, never the match: this output ends in build logs.
The vendors' documented examples, which all say EXAMPLE, are let through. What history cannot lose
any more, and is no credential, is listed by the digest that this prints beside it.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = {
    "AWS access key id": re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "AWS secret access key": re.compile(
        r"(?i:secret_?access_?key)\W{1,4}(?P<bytes>[A-Za-z0-9/+]{40})\b"
    ),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}"),
    "Vault token": re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    "GitHub token": re.compile(r"\b(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{50,})"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    "Pulumi token": re.compile(r"\bpul-[0-9a-f]{40}\b"),
    "signed web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "password in an address": re.compile(
        r"\b[a-z][a-z+]{2,}://[^\s:/@{}<>$\"']+:[^\s:/@{}<>$\"'*]{6,}@"
    ),
}


# Samples of our own tests, from before they said EXAMPLE.
IN_HISTORY = frozenset(
    {
        "2d899727ae7e4c49", "353bf0c391e36421", "4718bfbc3d5c2dc7", "4c549c1b57905616",
        "a083bb90298f1384",
    }
)  # fmt: skip


def suspicious(text: str) -> list[tuple[int, str, str]]:
    """Return line, kind and digest of each suspicious place."""
    return [
        (
            text.count("\n", 0, match.start()) + 1,
            kind,
            hashlib.sha256(match.group().encode()).hexdigest()[:16],
        )
        for kind, pattern in KINDS.items()
        for match in pattern.finditer(text)
        if "EXAMPLE" not in match.group()
    ]


def findings(path: Path) -> list[str]:
    """Return one line per suspicious place in the file; binary files have none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return [f"{path}:{line}: {kind}" for line, kind, _ in suspicious(text)]


def git(*words: str, given: str = "") -> bytes:
    """Return what git says; without a repository this fails."""
    done = subprocess.run(["git", *words], check=True, capture_output=True, input=given.encode())  # noqa: S603, S607
    return done.stdout


def tracked() -> list[str]:
    return git("ls-files", "-z").decode().split("\0")


def in_history() -> list[str]:
    """Return one line per suspicious place in any blob that any commit has."""
    listed = git("rev-list", "--objects", "--all").decode().splitlines()
    named = dict(line.split(" ", 1) for line in listed if " " in line)
    return [
        f"{named[blob]}:{line}, once (blob {blob[:12]}): {kind} {digest}"
        for blob, text in contents("\n".join(named))
        for line, kind, digest in suspicious(text)
        if digest not in IN_HISTORY
    ]


def contents(wanted: str) -> Iterator[tuple[str, str]]:
    """Yield id and text of each blob; trees and what is no text are left out."""
    answer = git("cat-file", "--batch", "--buffer", given=wanted)
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        blob, kind, size = answer[at:end].decode().split()
        at = end + 1 + int(size) + 1
        if kind == "blob":
            yield blob, answer[end + 1 : at - 1].decode(errors="ignore")


def main(names: list[str]) -> int:
    """Print each finding; links and directories are not content of the repository."""
    if names == ["--history"]:
        found = in_history()
    else:
        paths = [Path(name) for name in names or tracked()]
        found = [line for path in paths if path.is_file() for line in findings(path)]
    for line in found:
        print(line)  # noqa: T201 -- a command's result
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
