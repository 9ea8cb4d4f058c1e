"""What the journal's entries say, one record per kind. Nowhere else is a key of theirs spelled."""

from rotation.journal.entries import Entry
from rotation.journal.record import Content, Flag, Moment, Names, Record, Text


class Current(Record):
    """What readers get, as it was found or left."""

    # The store's version, and the instance whose bytes it has.
    version: Text = Text()
    handle: Text = Text()
    # When the issuer made it, or a person said so (`stated`); when it ends by itself.
    created: Moment = Moment()
    stated: Flag = Flag()
    expires: Moment = Moment()
    # What the instances of this secret log in as: another entry with one of these is the same user.
    logins: Names = Names()
    # Versions that a label may name.
    known: Names = Names()
    # Live instances that are somebody else's.
    foreign: Names = Names()


class Baseline(Current):
    """What OPENED begins with and CLOSED leaves: what the journal holds to be true of the world."""

    retired: Flag = Flag()
    # Every instance that is ours, with those that the next `issue` removes.
    live: Names = Names()
    # Those, by instance (`machine.leftover`).
    ours: Content = Content()
    # Under each of them a version may have been staged, or may be yet.
    attempts: Names = Names()


class Issued(Record):
    """`issue`: what was there before, what was made, and what a mint in doubt was seen to be."""

    # Known before the mint: what was listed, what of it goes first, and labels to take off.
    inventory: Names = Names()
    removing: Names = Names()
    forgotten: Names = Names()
    # What the instances log in as, where the service keeps the credential itself.
    logins: Names = Names()
    # The current version, where somebody wrote other keys beside ours.
    edited: Text = Text()
    # The store is asked first whether it takes what is to be made.
    rehearse: Flag = Flag()
    # The instance that was made, and the version that it is staged as.
    new: Text = Text(logged=True)
    created: Moment = Moment()
    expires: Moment = Moment()
    new_version: Text = Text()


class Bounds(Record):
    """The two entries of a rotation that have a baseline."""

    baseline: Content = Content()


def baseline_of(entry: Entry) -> Baseline:
    """Nothing where it says nothing."""
    return Baseline.of(Bounds.of(entry.facts).baseline)
