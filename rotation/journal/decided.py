"""What the runner that wrote an entry decided with it. The journal's format, as `journal.facts` is."""

from rotation.journal.entries import Entry
from rotation.journal.record import Content, Moment, Record, Text


class Place(Record):
    """How far it is; `old` once there is a successor."""

    phase: Text = Text()
    row: Text = Text()
    old: Text = Text()


class Decided(Place):
    """Without `until` it goes on at once."""

    # None where only a person's entry ends it.
    until: Moment = Moment()
    why: Text = Text()
    held: Text = Text()
    # Where it began with an earlier entry.
    held_at: Moment = Moment()


class Deciding(Record):
    next: Content = Content()


def decided_in(entry: Entry) -> Decided | None:
    """None where it does not say: it is a person's, or of a version that said it nowhere."""
    said = Deciding.of(entry.facts).next
    return Decided.of(said) if said else None
