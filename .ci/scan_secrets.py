"""Refuse files that hold what looks like a live credential: those named, or all that git tracks.

Prints where and which kind, never the match: this output ends in build logs.
The vendors' documented examples, which all say EXAMPLE, are let through.
"""

import re
import subprocess
import sys
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


def findings(path: Path) -> list[str]:
    """Return one line per suspicious place in the file; binary files have none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {kind}"
        for kind, pattern in KINDS.items()
        for match in pattern.finditer(text)
        if "EXAMPLE" not in match.group()
    ]


def tracked() -> list[str]:
    """Return the names of the repository's files; without a repository this fails."""
    listing = ["git", "ls-files", "-z"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return names.split("\0")


def main(names: list[str]) -> int:
    """Print each finding; links and directories are not content of the repository."""
    paths = [Path(name) for name in names or tracked()]
    found = [line for path in paths if path.is_file() for line in findings(path)]
    for line in found:
        print(line)  # noqa: T201 -- a command's result
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
