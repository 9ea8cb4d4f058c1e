"""Finds what looks like a secret anywhere in a configuration, and never shows it."""

import itertools
import re
import string
from collections.abc import Iterator
from typing import Any

# As long as an AWS secret key. Names may be as long, but consist of words.
RUN_MIN = 40
# How often, per character, random text changes between lower case, upper case and the rest.
CHANGES_MIN = 0.38

_KNOWN = re.compile(
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN |\bgh[pousr]_\w{30}|\bgithub_pat_[A-Za-z0-9]{20}"
    r"|\bxox[abeprs]-\w|\bhv[sbr]\.\w{20}|\bAIza[\w-]{30}|\b[rs]k_live_\w{20}|\bglpat-[\w-]{20}"
    r"|\beyJ[\w-]{10,}\.eyJ|://[^/\s:@]*:(?!\{[\w.-]+\}@)[^/\s@]+@"
)
# Everything that `_KNOWN` matches has a word of this length, or one of these beginnings.
_WORD_MIN = 20
_BEGINNINGS = (b"://", b"-----BEGIN", b"eyJ", b"hvs.", b"hvb.", b"hvr.", b"xox", b"AIza", b"glpat-")
_RUN = re.compile(rf"[A-Za-z0-9+/]{{{RUN_MIN},}}")
# A hexadecimal id as one part of a path, such as an installation's own mark: it counts as one word,
# however often letters and digits change. A random key never contains such a part.
_ID_IN_A_PATH = re.compile(r"(?<=/)[0-9a-f]{8,32}(?=/|$)")


def _stencil(allowed: str) -> bytes:
    """For bytes.translate: an x for each allowed character, a blank for any other."""
    return bytes(ord("x") if chr(n) in allowed else ord(" ") for n in range(256))


_WORDS = _stencil(string.ascii_letters + string.digits)
_RUNS = _stencil(string.ascii_letters + string.digits + "+/")


def may_hold_one(text: bytes) -> bool:
    """A quick check of a whole file; `find` then looks at each value. It does not see through
    escapes."""
    if b"x" * _WORD_MIN in text.translate(_WORDS) or b"x" * RUN_MIN in text.translate(_RUNS):
        return True
    return any(beginning in text for beginning in _BEGINNINGS)


def find(value: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Each place in a plain value where there seems to be a secret."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if looks_secret(key):
                yield (*where, key)
            yield from find(inner, (*where, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from find(inner, (*where, n))
    elif isinstance(value, str) and looks_secret(value):
        yield where


def looks_secret(text: str) -> bool:
    return bool(_KNOWN.search(text)) or any(_is_random(run) for run in _RUN.findall(text))


def _is_random(run: str) -> bool:
    words = _ID_IN_A_PATH.sub(lambda found: "x" * len(found[0]), run)
    kinds = [_kind(character) for character in words]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    return changes >= CHANGES_MIN * len(run)


def _kind(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2
