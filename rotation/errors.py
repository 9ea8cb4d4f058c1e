"""Every error that an adapter, the journal or the configuration may raise.

Ordered by what the runner does next:

RotationError
├── NotYet          no error: not true yet; come back at `until`
├── Transient       it did not happen; back off and try again
├── Ambiguous       it may have happened; look at the world, then act
└── Permanent       it did not and will not happen
    ├── Refused         the other side said no: the row's own `on_failure` decides
    │   └── Complaint   something still needs the old credential: it is resumed, then Held
    └── NeedsPerson     Held: nothing is undone, a person decides
        ├── Denied          we lack a permission
        ├── SlotFull        the issuer is full; we never free a slot that is not ours
        └── Conflict        somebody else moved the world under us
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

from rotation.types import Facts


class RotationError(Exception):
    """`code` is stable, dotted, lower case; `message` says what happened and what state it left;
    `hint` is one next step. NEXT is the next step where the kind of error alone decides it. None of
    them ever holds a secret or a vendor's raw text."""

    NEXT: ClassVar[str] = ""

    def __init__(self, code: str, message: str, hint: str = "", **facts: str | int | None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.facts: Facts = {key: value for key, value in facts.items() if value is not None}

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class NotYet(RotationError):
    """Not true yet. `observed` is partial progress worth keeping, e.g. two of three logins; in it
    `void` says that the world was left as it was."""

    def __init__(
        self, code: str, message: str, *, until: datetime, observed: Facts | None = None
    ) -> None:
        super().__init__(code, message)
        self.until = until
        self.observed = observed


class Transient(RotationError):
    """`retry_after` in seconds, where the other side asked for it."""

    NEXT = "try again; a rotation that is open does so by itself"

    def __init__(
        self, code: str, message: str, hint: str = "", *, retry_after: int | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.retry_after = retry_after


class Ambiguous(RotationError):
    NEXT = "`rotation run` looks at the world first and goes on from what is there"


class Permanent(RotationError):
    """`unchanged`: the world is as it was, because the first call that would change anything was
    refused."""

    unchanged: bool = False
    NEXT = "`rotation status NAME` says what works now and shows the ways out"


class Refused(Permanent):
    pass


class Complaint(Refused):
    pass


class NeedsPerson(Permanent):
    pass


class Denied(NeedsPerson):
    pass


class LoginRefused(Denied):
    """The service was asked and does not accept (any more) what we ourselves log in with."""


@contextmanager
def first_change(refused: type[Permanent] = Denied) -> Iterator[None]:
    """Wraps the first call of an adapter's method that changes anything, and the reads before it. A
    denial then left the world as it was; so did any refusal, where the adapter says so."""
    try:
        yield
    except refused as error:
        error.unchanged = True
        raise


class SlotFull(NeedsPerson):
    pass


class Conflict(NeedsPerson):
    pass


class UsageError(RotationError):
    """The command line or the configuration is wrong; nothing was done (exit 2)."""


class UnknownName(RotationError):
    """No secret, rotation or verb of that name (exit 6)."""


class PolicyRefusal(RotationError):
    """Refused by a window, a freeze, a hold or another rule of this tool (exit 5)."""


class JournalError(RotationError):
    """The journal cannot be read or written, or it is not the one of this installation (exit 9)."""

    NEXT = "`rotation journal check` says whether it is whole"


class JournalMoved(JournalError):
    """Entries landed after those that a decision was made from: decide again."""

    NEXT = "run it again: it decides again from the new state"


class StaleEpoch(JournalError):
    """Another runner took over: this one does nothing more."""

    NEXT = "nothing: the other runner goes on; `rotation status` shows how far it is"


class AlreadyOpen(JournalError):
    """The identity has an open rotation."""
