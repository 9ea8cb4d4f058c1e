"""Some of many, the same ones each time."""

import random
from collections.abc import Callable

Names = Callable[[], str]


SAMPLE = 2


def sample(seed: str, count: int) -> list[int]:
    return random.Random(seed).sample(range(count), SAMPLE)  # noqa: S311 -- the same ones each time
