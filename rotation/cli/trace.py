"""`--debug`: where an error came from. The text of an exception that is not ours may hold
anything."""

import traceback
from collections.abc import Iterator

from rotation.errors import RotationError
from rotation.types import contains_live_value


def trace_of(error: BaseException) -> str:
    """Frames and kinds, without local values and foreign texts."""
    lines = [
        line for each in _chain(error) for block in _lines(each) for line in block.splitlines()
    ]
    return "".join(f"{_harmless(line)}\n" for line in lines)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in the order in which Python prints them."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return reversed(chain)


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    yield from traceback.format_tb(error.__traceback__)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    yield f"{kind}: {error}" if isinstance(error, RotationError) else f"{kind} (text not shown)"


def _harmless(line: str) -> str:
    return "  (a line with a secret in it)" if contains_live_value(line) else line
