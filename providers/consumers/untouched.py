"""Marks errors of a delivery that never reached the consumer."""

from collections.abc import Iterator
from contextlib import contextmanager

from rotation.errors import Permanent, Transient


@contextmanager
def untouched() -> Iterator[None]:
    """A refusal inside it left the consumer as it was, so nothing has to be delivered back."""
    try:
        yield
    except (Permanent, Transient) as definite:
        definite.facts["void"] = True
        raise
