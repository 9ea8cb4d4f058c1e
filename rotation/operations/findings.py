"""A finding of a check, and how bad it is."""

from dataclasses import dataclass
from enum import StrEnum

from rotation.errors import RotationError


class Grade(StrEnum):
    FINE = "fine"
    WRONG = "wrong"
    DENIED = "denied"
    #: A person must decide.
    HELD = "held"
    #: Readers may be without a working credential.
    DOWN = "down"
    #: It could not be looked at.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding."""

    subject: str
    text: str
    grade: Grade = Grade.FINE
    code: str | None = None
    next: str = ""  # what an operator does about it
    error: RotationError | None = None  # why it could not be looked at

    @property
    def is_fine(self) -> bool:
        return self.grade is Grade.FINE


def failed(subject: str, error: RotationError) -> Finding:
    return Finding(subject, error.message, Grade.FAILED, error.code, error.hint, error)
