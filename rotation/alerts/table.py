"""Every event of the alerts: how urgent it is, how long it lasts, what it means, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Severity(StrEnum):
    PAGE = "page"  # somebody is woken
    WARN = "warn"  # somebody looks in working hours
    INFO = "info"  # nobody has to do anything


class Lasts(StrEnum):
    STATE = "while it is so"
    ACKNOWLEDGED = "until acknowledged"
    NEWS = "sent once"


REPEATED: Mapping[Severity, timedelta] = {
    Severity.PAGE: timedelta(hours=1),
    Severity.WARN: timedelta(days=1),
    Severity.INFO: timedelta(days=1),
}
"""The time between two messages of one alert, until somebody acknowledges it."""


@dataclass(frozen=True, slots=True)
class Event:
    severity: Severity
    lasts: Lasts
    sentence: str
    advice: str


PAGE, WARN, INFO = Severity
STATE, ACKNOWLEDGED, NEWS = Lasts

EVENTS: Mapping[str, Event] = {
    # Conditions. Those that are a word of `status` are raised by that word alone.
    "down": Event(
        PAGE, STATE, "readers may be without a working credential",
        "Run the command of the alert at once. In an emergency this is expected until readers have "
        "fetched the successor.",
    ),
    "held": Event(
        PAGE, STATE, "it is stopped where it is until a person decides",
        "Nothing breaks while it waits. The alert names the page of the runbook for its reason.",
    ),
    "emergency": Event(
        PAGE, STATE, "an emergency is open",
        "`rotation status` shows how far it is. It goes on by itself unless it is Held.",
    ),
    "in-doubt": Event(
        PAGE, STATE, "for 15 minutes nobody has known whether a change happened",
        "The service does not answer. The runner keeps looking; find out why the service is away.",
    ),
    "past-max-age": Event(
        PAGE, STATE, "the credential is older than its class allows",
        "Find out what kept it from being rotated: a pause, a freeze, a window, or a dead runner.",
    ),
    "consumer-late": Event(
        PAGE, STATE, "a consumer has not moved, and its grace is over",
        "Both credentials work, and the old one stays until it moves. Restart or repair the consumer.",
    ),
    "journal": Event(
        PAGE, STATE, "the journal is in trouble, so rotations stop",
        "Run the command of the alert. Other alerts may be missing until the journal can be read.",
    ),
    "outbox": Event(
        PAGE, STATE, "what is raised cannot be stored, so alerts may be missing",
        "Look at the disk of the journal, and run the command of the alert.",
    ),
    "breaker": Event(
        PAGE, STATE, "rotations of a class keep failing on a connection, so no more of them is begun",
        "Find out what they have in common: a release, a policy, a service. Then reset the breaker.",
    ),
    "break-glass": Event(
        PAGE, STATE, "an emergency did not wait for approval, and nobody else has looked at it since",
        "Find out who it was and why. Another person closes the review by the command of the alert.",
    ),
    "approval": Event(
        WARN, STATE, "a step waits for people to agree",
        "`rotation approvals` says what happens then. Whoever may agree runs the command of the alert.",
    ),
    "approval-refused": Event(
        WARN, STATE, "somebody said no to a step, so it stays where it is",
        "Talk to who refused. `rotation rollback` leads back; else it is asked for again when the request "
        "would have ended.",
    ),
    "clock": Event(
        WARN, STATE, "this host's clock is wrong, or was",
        "Set the clock. While it differs from a service's, nothing is switched off or destroyed there.",
    ),
    "connection-ends": Event(
        WARN, STATE, "what a connection itself logs in with ends soon",
        "Hand it over to a new one. Once it has ended, nothing of that connection can be rotated.",
    ),
    "consumer-slow": Event(
        WARN, STATE, "a consumer has not moved, and half of its grace is over",
        "Look whether the consumer is up and may be reached.",
    ),
    "overdue": Event(
        WARN, STATE, "it has been due for a day, and nothing rotates it",
        "Find out why no runner opens it: `rotation plan` says what stops it.",
    ),
    "orphaned": Event(
        WARN, STATE, "it is alive and no longer in the configuration",
        "Put it back into the configuration, and take it out by `rotation retire`.",
    ),
    "left-alive": Event(
        WARN, STATE, "an earlier rotation left a credential alive",
        "The next rotation removes it once nobody uses it.",
    ),
    "unaccounted": Event(
        WARN, STATE, "there is a live credential that nobody knows",
        "Find out who made it. Remove it, or say whose it is in the next rotation.",
    ),
    "drift": Event(
        WARN, STATE, "the world is not as the journal has it, so its next rotation would be held",
        "Find out who changed it. Nothing is repaired until a person says what is right.",
    ),
    "unknown": Event(
        WARN, STATE, "the journal does not know its credential, so nothing rotates it",
        "Adopt it. If the journal knew it before, the journal was lost: restore it first.",
    ),
    "review-overdue": Event(
        WARN, STATE, "an owner has not reviewed what they own in time",
        "Look at the report of that owner, then sign the review: `rotation report --owner`.",
    ),
    "configuration": Event(
        WARN, STATE, "the changed configuration is refused, and the former one is used",
        "`rotation config check` lists the mistakes; reload the runner afterwards.",
    ),
    # What happened.
    "emergency-unproven": Event(
        PAGE, ACKNOWLEDGED, "the emergency ended without proof that the leaked credential is dead",
        "Look at the service itself whether the credential is gone, then acknowledge.",
    ),
    "rolled-back": Event(
        WARN, ACKNOWLEDGED, "the new credential was refused, and the old one is back",
        "`rotation show` says which step refused. It is tried again later, and a success ends this.",
    ),
    "emergency-contained": Event(
        WARN, NEWS, "the leaked credential is switched off",
        "Readers need the successor, which follows by itself.",
    ),
    "emergency-closed": Event(WARN, NEWS, "the emergency is over", "Nothing."),
    "complaint": Event(
        WARN, NEWS, "the old credential was needed after it was switched off",
        "It is switched on again, and the rotation is Held. Find the consumer that still has it.",
    ),
    "succeeded": Event(INFO, NEWS, "it was rotated", "Nothing."),
}  # fmt: skip

TEST = Event(INFO, NEWS, "a test; nothing is wrong", "Nothing.")
"""What `rotation alerts test` sends; no secret has this event."""

INSTALLATION = "installation"
"""The name in an alert that belongs to no secret."""
