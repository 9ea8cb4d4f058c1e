"""What a plan is for, where its rows do not say it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """Whoever would ask for a plan's name asks for one of these. They are the code's and are not
    journaled: an open rotation has those that the plan of its name has now."""

    # It starts from the credential that the journal has as current, and ends it.
    ends_current: bool = False
    # The old credential works beside the new one until it is switched off.
    overlaps: bool = False
    # Readers may be without a working credential while it is open.
    risks_outage: bool = False
    # Once the new credential is current there is no way back.
    promotion_is_final: bool = False
    # The secret is empty: there is no value to add the new one to.
    makes_first: bool = False
    # What readers have was found dead: nobody's evidence is needed, and any way forward is better.
    replaces_dead: bool = False
    # An emergency: what leaked is switched off before anything else, and everything else waits.
    contains: bool = False
    # The last credential ends without a successor: nobody reads the secret any more.
    retires: bool = False
    # Credentials stay as they are; what is found becomes the baseline.
    keeps_credential: bool = False
    # What readers get is not known to be ours until it was looked at and claimed.
    adopts: bool = False
    # A world that differs from the journal, or a delivery that would fail, stops it before it acts.
    checks_drift: bool = True
    # A person's hold stops it where it is.
    heeds_hold: bool = True
