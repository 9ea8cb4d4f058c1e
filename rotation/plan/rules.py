"""What a plan is for, beyond its rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """Code asks for one of these and never for a plan's name. Rules are not stored in the journal:
    an open rotation follows the present rules of its plan."""

    # It starts from the credential that the journal records as current, and ends it.
    ends_current: bool = False
    # The old credential works beside the new one until it is switched off.
    overlaps: bool = False
    # Readers may be without a working credential while it is open.
    risks_outage: bool = False
    # Once the new credential is current there is no way back.
    promotion_is_final: bool = False
    # The secret is empty: there is no value to add the new one to.
    makes_first: bool = False
    # Readers have a dead credential: no evidence is needed, and any way forward is better.
    replaces_dead: bool = False
    # An emergency: the leaked credential is switched off first; everything else waits.
    contains: bool = False
    # The last credential ends without a successor: the secret has no readers any more.
    retires: bool = False
    # Credentials stay as they are; what is found becomes the baseline.
    keeps_credential: bool = False
    # Readers may have somebody else's credential until it is inspected and claimed.
    adopts: bool = False
    # It stops before acting where store or issuer differ from the journal, or a delivery would
    # fail.
    checks_drift: bool = True
    # `pause` stops it where it is.
    heeds_hold: bool = True
