"""Which boundaries of a story a run takes: some of them, and others on another day.

`make test` takes every ninth from an offset that turns with the date; `make test-real` takes all.
ROTATION_TEST_TURN, which each run prints, takes the same ones again.
"""

import os
import zlib
from datetime import UTC, datetime

import pytest

# Written for the workers of this run, too: they may start on another day.
TURN = int(os.environ.setdefault("ROTATION_TEST_TURN", f"{datetime.now(UTC):%j}"))
SOME = pytest.param(9, id="every ninth")
EVERY = pytest.param(1, marks=pytest.mark.every, id="every")


def taken(boundaries: int, stride: int, story: str = "") -> range:
    """Each story begins at another one, so that a run looks at all kinds of moments."""
    return range((TURN + zlib.crc32(story.encode())) % stride, boundaries, stride)
