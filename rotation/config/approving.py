"""Who may agree to what: `approvals:` of the installation and of each policy class."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rotation.config.findings import Level, Problem, named
from rotation.types import require

if TYPE_CHECKING:
    from rotation.config.model import PolicyClass

# What `ssh-keygen` takes as one plain identity.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
DAY = 86_400
NEEDED_MAX = 9


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class Approver:
    """One person."""

    id: str = field(metadata={"doc": "the person's name in the file of allowed signers"})
    os_user: str | None = _doc("what this person is called on the runner's host; `id` by default")

    def __post_init__(self) -> None:
        require(ID.fullmatch(self.id), "id: at most 63 of A-Z a-z 0-9 . _ @ -")
        user = self.os_user is None or (self.os_user.strip() and self.os_user.isprintable())
        require(user, "os_user: a user of the operating system")

    @property
    def user(self) -> str:
        return self.os_user or self.id


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """The people who may agree, and how they are known."""

    allowed_signers: str = field(
        metadata={"doc": "the file of ssh-keygen that says whose key is whose; beside this file"}
    )
    approvers: tuple[Approver, ...] = field(metadata={"doc": "who may agree"})

    def __post_init__(self) -> None:
        require(
            self.allowed_signers and "\0" not in self.allowed_signers, "allowed_signers: a file"
        )
        count = len(self.approvers)
        once = {each.id for each in self.approvers}, {each.user for each in self.approvers}
        require(
            all(len(each) == count for each in once), "approvers: each person once, as one user"
        )

    def find(self, name: str | None) -> Approver | None:
        return next((each for each in self.approvers if each.id == name), None)


@dataclass(frozen=True, kw_only=True)
class Demands:
    """How many people have to agree before a step of a secret of this class."""

    destroy: int = _doc("before the old credential ends for good", 0)
    promote: int = _doc("before readers get the new one", 0)
    emergency: int = _doc("before a leaked one is switched off; --break-glass does not wait", 0)
    expire_s: int = _doc("how long a request may be agreed to, and an agreement be used", DAY)
    by: tuple[str, ...] = _doc("ids of those who may; everybody in `approvers:` by default", ())
    os_users: Literal["accepted"] | None = _doc(
        "accepted: a user of the operating system is believed, without a signature"
    )

    def __post_init__(self) -> None:
        counts = {"destroy": self.destroy, "promote": self.promote, "emergency": self.emergency}
        for key, count in counts.items():
            require(0 <= count <= NEEDED_MAX, f"{key}: from 0 to {NEEDED_MAX} people")
        require(
            self.destroy or self.promote or self.emergency, "destroy: at least one of the steps"
        )
        require(300 <= self.expire_s <= 30 * DAY, "expire_s: from 5m to 30d")

    @property
    def most(self) -> int:
        return max(self.destroy, self.promote, self.emergency)

    def allowed(self, people: Iterable[str]) -> tuple[str, ...]:
        """Those of them who may agree, by their ids."""
        return tuple(each for each in people if not self.by or each in self.by)


def problems(known: Approvals | None, classes: Mapping[str, "PolicyClass"]) -> Iterator[Problem]:
    """Classes that ask for agreement which nobody could give."""
    people = {each.id for each in known.approvers} if known is not None else set()
    for name, policy in classes.items():
        if (demands := policy.approvals) is None:
            continue
        where = ("classes", name, "approvals")
        for stranger in sorted({*demands.by} - people):
            yield Problem(
                (*where, "by"),
                "config.unknown-approver",
                f"`approvals:` has no approver {named(stranger)}",
            )
        may = demands.allowed(people)
        if demands.most > len(may):
            yield Problem(
                where,
                "config.too-few-approvers",
                f"{demands.most} have to agree, and only {len(may)} may",
                "name more in `approvals: {approvers: …}`, or ask for fewer",
            )
        if not demands.emergency:
            yield Problem(
                where,
                "config.emergency-unapproved",
                "an emergency of this class is one person's word, and switches off at once",
                "or ask for `emergency` as well",
                Level.INFO,
            )
