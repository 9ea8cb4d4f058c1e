"""What the tests of the AWS adapters share."""

from contextlib import AbstractContextManager
from typing import Protocol

INSTALLATION = "0123456789ab"


class Refused(Protocol):
    def __call__(self, code: str) -> AbstractContextManager[None]: ...
