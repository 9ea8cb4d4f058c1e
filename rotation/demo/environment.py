"""What the scenario needs from its environment: a running vendor with store and issuer, secrets
that a person made long ago, and answers that come from the vendor, never from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

BILLING, ORDERS, PARTNER = "billing-key", "orders-db", "partner-token"
# The application of each secret. The first secret is the vendor's credential, the one that leaks.
APPLICATIONS = {BILLING: "billing", ORDERS: "orders", PARTNER: "partner"}

# Secrets for a service that is not the vendor's, and the field that it checks.
SERVICES = {ORDERS: "password", PARTNER: "token"}

DAYS_OLD = 100


@dataclass(frozen=True, slots=True)
class Version:
    """One value that a secret has or had. public: the id that its application reports."""

    secret: str
    value: str = field(repr=False)
    public: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """One line of the report."""

    name: str
    text: str
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of this environment alone. credential: what the issuer calls it. logs: what else is
    searched for secret bytes. other: the command to try next, and what it does."""

    vendor: str
    about: str
    details: Sequence[str]
    credential: str
    due: str
    leak: str
    containing: str
    other: tuple[str, str]
    logs: str = ""


class Environment(Protocol):
    """consumer: the module of an application. claimant: the login of somebody who may claim a
    secret, where the runner may not."""

    words: Words
    consumer: str
    claimant: Sequence[str]

    def access(self, name: str) -> Mapping[str, str]:
        """How an application reads this secret: endpoint, source, token."""

    def versions(self, name: str) -> Sequence[Version]:
        """The versions that the store keeps, the current one first."""

    def accepts(self, version: Version) -> bool:
        """Whether the vendor accepts a login with it."""

    def issued(self) -> int:
        """How many credentials the vendor lists."""

    def staged(self) -> int:
        """How many values wait to become current."""

    def contained_at(self, public: str, since: float) -> float | None:
        """When the vendor first received the request to switch this credential off."""

    def runner_was_killed(self) -> None:
        """Releases what the killed runner held."""

    def numbers(self) -> Iterable[Number]:
        """What is measured only in this environment."""
