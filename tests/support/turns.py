"""Which boundaries of a story, and which cases of a table, a run takes: some of them, and others on
another day.

`make test` takes a few from an offset that turns with the date; `make test-real` takes all.
ROTATION_TEST_TURN, which each run prints, takes the same ones again.
"""

import os
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

# Written for the workers of this run, too: they may start on another day.
TURN = int(os.environ.setdefault("ROTATION_TEST_TURN", f"{datetime.now(UTC):%j}"))
STRIDE = 31
SOME = pytest.param(STRIDE, id="some")
EVERY = pytest.param(1, marks=pytest.mark.every, id="every")


def taken(boundaries: int, stride: int, story: str = "") -> range:
    """Each story begins at another one, so that a run looks at all kinds of moments; of a short
    story it takes one at least."""
    return range(_offset(story) % min(stride, boundaries), boundaries, stride)


def one_in(stride: int, cases: Iterable[Any]) -> list[Any]:
    """Parameters of a test: each of the cases is taken on one of `stride` days."""
    return [
        pytest.param(case, marks=() if (TURN + number) % stride == 0 else pytest.mark.every)
        for number, case in enumerate(cases)
    ]


def _offset(story: str) -> int:
    return TURN + zlib.crc32(story.encode())
