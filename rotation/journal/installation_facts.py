"""What the entries of the installation's own stream say: what looks found, the brakes, the seal. As
`journal.facts`."""

from rotation.journal.record import Anything, Content, Count, Flag, Moment, Names, Record, Text

# SEEN of a connection's own credential has this before the connection's name.
CONNECTION = "connection "


class Looked(Record):
    """SEEN: what the latest look at a stream found."""

    stream: Text = Text("of")
    # Live ones that are not known.
    instances: Names = Names()
    # What the open rotation has as working, and the issuer as switched off.
    off: Names = Names()
    # Everything else that differs: by its code a sentence and one next step.
    differs: Content = Content()
    # Readers get one that is gone or off.
    down: Flag = Flag()


class Frozen(Record):
    """FROZEN and BREAKER: of the brakes the one that it names."""

    # Every window is closed.
    frozen: Flag = Flag()
    # Nothing but containment has an effect.
    read_only: Flag = Flag()
    # The breaker of that class and connection is open, or was reset.
    breaker: Text = Text()
    broken: Flag = Flag()
    reason: Text = Text(logged=True)


class Anchored(Record):
    """CHECKPOINT: one that was signed, whole, so that it can be handed out again."""

    number: Count = Count()
    line: Text = Text()


class Incident(Record):
    """INCIDENT: what a person says of an emergency afterwards."""

    # The stream and the rotation that the emergency is.
    stream: Text = Text("of")
    rotation: Count = Count()
    note: Text = Text(logged=True)
    # It is over; and of what no proof exists, how a person saw that it is dead.
    closed: Flag = Flag()
    seen_dead: Text = Text()


class Reviewed(Record):
    """REVIEW: an owner is asked to look at what they own, or has."""

    owner: Text = Text()
    # Of a begun one: when it has to be signed.
    due: Moment = Moment()
    # Of a signed one: what was looked at, and what the owner says of it.
    secrets: Names = Names()
    note: Text = Text(logged=True)


class Sealed(Record):
    # How many entries there were, and the faults that a person took as they are.
    entries: Anything = Anything()
    accepted: Names = Names()
