"""What the journal's entries say, one record per kind. Nowhere else is a key of theirs spelled."""

from collections.abc import Iterator

from rotation.journal.entries import Entry
from rotation.journal.record import (
    Anything,
    Content,
    Count,
    Fact,
    Flag,
    Moment,
    Name,
    Names,
    OneOrMore,
    Record,
    Text,
    Word,
)


class Current(Record):
    """What readers get, as it was found or left."""

    # The store's version, and the instance whose bytes it has.
    version: Text = Text(logged=True)
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


# ------------------------------------------------------------------------------- what a row says


class Delay(Record):
    """WAITING, RETRY, IN_DOUBT: None where only a person's entry ends it."""

    until: Moment = Moment(logged=True)
    why: Text = Text(logged=True)
    # A gate is what is waited for, and it may open earlier.
    window: Flag = Flag()


class Cause(Record):
    """Why a row did not do what it is for, by codes, and what helps."""

    # What it is held for or tried again for; of a failure the error's own is the cause.
    code: Text = Text(logged=True)
    cause: Text = Text(logged=True)
    hint: Text = Text(logged=True)


class Failure(Cause):
    """FAILED, RETRY, IN_DOUBT."""

    message: Text = Text(logged=True)
    # It may have happened.
    in_doubt: Flag = Flag()
    # Somebody needs what was switched off.
    complaint: Flag = Flag()
    # What it is about, with commas between them.
    instances: Text = Text()
    # The issuer no longer knows whose instances these are.
    all_gone: Flag = Flag()


class Attempt(Record):
    """What an attempt that did not succeed left."""

    # Nothing: the next one starts anew. Of those that were in its way this one is gone.
    void: Flag = Flag()
    removed: Text = Text()
    # The issuer was not asked for anything.
    unsent: Flag = Flag()


class Logins(Record):
    """Progress of a row that logs in, in one round, and how many it was."""

    logins: Count = Count(logged=True)
    since: Moment = Moment()


class Verified(Logins):
    """`verify`, `verify-live`."""

    version: Text = Text(logged=True)
    # Nobody logged in: a person said that it goes without.
    unverified: Flag = Flag()
    probed_at: Moment = Moment()


class Inspected(Current):
    # Live instances beside the current one, with state, age and last use.
    others: Anything = Anything()
    # Keys of the secret that hold the credential as well.
    stale: Names = Names()
    # The installation that claims the secret.
    claim: Text = Text()


class Claimed(Record):
    claim: Text = Text()


class Relabelled(Record):
    # "pending-removed" or "none", and the versions that the label was taken off.
    repair: Text = Text()
    pending: Names = Names()


class Written(Record):
    """`place`, `promote`, `deliver`, and their ways back: what readers get, or will."""

    version: Text = Text(logged=True)


class FoundDead(Written):
    """What a replacement found readers to have."""

    handle: Text = Text()
    # How it was seen to be of no use (`execution.dead`).
    dead: Text = Text()
    # The version whose other keys stay.
    base: Text = Text()
    # The first of two refused logins.
    since: Moment = Moment()


class Room(Record):
    """`make-room`: the instance that goes; None where there is room."""

    spare: Text = Text()
    destroyed: OneOrMore = OneOrMore(logged=True)


class Issued(Record):
    """`issue`: what was there before, and what was made."""

    # What was listed, what of ours goes first, and versions that a label is taken off.
    inventory: Names = Names()
    removing: Names = Names()
    forgotten: Names = Names()
    # What the instances log in as, where the service keeps the credential itself.
    logins: Names = Names()
    # The current version, where somebody wrote other keys beside ours.
    edited: Text = Text()
    # The store is asked first whether it takes what is to be made.
    rehearse: Flag = Flag()
    # The instance, and the version that it is staged as.
    new: Text = Text(logged=True)
    new_version: Text = Text()
    created: Moment = Moment()
    expires: Moment = Moment()


class Doubt(Record):
    """A mint in doubt: how far it was looked at."""

    # The listing was read once, and did not have it.
    read_once: Flag = Flag()
    # One that nobody noted: since when its use is watched, and since when it is off.
    doubt_of: Text = Text()
    doubt_read_at: Moment = Moment()
    doubt_off_at: Moment = Moment()


class Leaving(Record):
    """What an earlier rotation left, on its way out before anything new is made."""

    leaving: Text = Text()
    # It was found active.
    active: Flag = Flag()
    off_at: Moment = Moment()


class Confirmed(Record):
    # `types.Evidence` that this consumer moved.
    evidence: Text = Text(logged=True)


class Drained(Record):
    last_used: Moment = Moment()
    # Why consumers that are still declared need nothing, in a person's words.
    gap: Text = Text()


class LookedBefore(Record):
    """The intent of `suspend` and `destroy`: what was seen just before."""

    current: Text = Text()
    listing: Names = Names()
    last_used: Moment = Moment()
    # Of a replacement: nobody can be using it.
    destroying: Flag = Flag()


class Suspended(Record):
    suspended: Text = Text(logged=True)
    # Somebody deleted it meanwhile.
    gone: Flag = Flag()


class Soaked(Record):
    # What would have told of a use: "usage" or "none".
    signal: Text = Text()


class Destroyed(LookedBefore):
    destroyed: OneOrMore = OneOrMore(logged=True)


class Proof(Logins):
    """`prove-off`, `prove-dead`: `types.Death`."""

    grade: Text = Text(logged=True)
    # It lives, and the next rotation removes it.
    recorded: Text = Text()


class Tidied(Record):
    listing: Names = Names()


class Saved(Record):
    """`evidence`: what of containment and destruction erase is shown afterwards."""

    current: Text = Text()
    # Each with state, age, last use and the service.
    instances: Anything = Anything()


class Exposure(Saved):
    """All of it."""

    labels: Content = Content()
    # By ids; those of the scope that were on.
    listing: Names = Names()
    active: Names = Names()


class Contained(Record):
    """`contain`, and what `sweep` contained after it."""

    contained: Names = Names(logged=True)
    at: Moment = Moment()
    # The store has the mark by which other runners hear of it.
    marked: Flag = Flag()


class Resumed(Record):
    resumed: Names = Names(logged=True)


class PointerMoved(Record):
    # A label named the new one for a while: since when it is back.
    back_at: Moment = Moment()


# -------------------------------------------------------------------- what a whole rotation says


class Bounds(Record):
    """The two entries of a rotation that have a baseline."""

    baseline: Content = Content()


class Specified(Record):
    """Of a rotation's specification what is read without understanding all of it."""

    probe: Anything = Anything()
    destroy_by_hand: Flag = Flag()


def baseline_of(entry: Entry) -> Baseline:
    """Nothing where it says nothing."""
    return Baseline.of(Bounds.of(entry.facts).baseline)


class Opened(Bounds):
    """Whose it is, what it finishes on, why it was opened, and what a person said."""

    plan: Name = Name(logged=True)
    plan_version: Count = Count()
    secret: Name = Name()
    # As `plan.specification` keeps it, with its digest; its rows, as `plan.compiled` does.
    spec_identity: Name = Name()
    spec: Content = Content()
    spec_sha256: Text = Text()
    rows: Anything = Anything()
    undo: Anything = Anything()
    accept: Anything = Anything()
    trigger: Text = Text(logged=True)
    reason: Text = Text(logged=True)
    # A person's pause that was put on the rotation before it.
    on_hold: Text = Text()
    on_hold_by: Text = Text()
    # Of a retirement: why consumers that are still declared need nothing.
    gap: Text = Text()
    # Of an adoption: when it was made; another installation's claim is overwritten.
    created: Moment = Moment()
    take_over: Flag = Flag()
    # Of a handover: the connection whose own login is rotated, and that login.
    connection: Text = Text()
    login: Text = Text()
    # Of an emergency: what leaked; what is not ours is destroyed as well.
    scope: Names = Names(logged=True)
    destroy_foreign: Flag = Flag()
    # A person did not wait for the approval that it needs.
    without_approval: Flag = Flag()
    # What was contained without the journal: where it stood, what was on, when, who brought it in.
    spill: Text = Text()
    contained: Names = Names(logged=True)
    active: Names = Names()
    contained_at: Text = Text()
    merged_by: Text = Text()


class HeldFor(Record):
    code: Word = Word(logged=True)
    # Options of the specification that are otherwise now.
    changed: Names = Names()


class Requested(Record):
    """What a person asked for."""

    verb: Text = Text(logged=True)
    # Of `ours` and `foreign`.
    instance: Text = Text()
    reason: Text = Text(logged=True)
    # Of `hold`: when it ends by itself.
    until: Moment = Moment()
    # Pauses after a failed try are over; the destruction is allowed; readers get it without a login.
    now: Flag = Flag()
    destroy: Flag = Flag()
    unverified: Flag = Flag()


class Closed(Bounds):
    outcome: Word = Word(logged=True)
    # A success that was to change the credential.
    rotated: Flag = Flag()


def _logged(kind: type[Record]) -> Iterator[str]:
    own = (fact for fact in vars(kind).values() if isinstance(fact, Fact))
    yield from (fact.name for fact in own if fact.logged)
    for each in kind.__subclasses__():
        yield from _logged(each)


LOGGED = tuple(dict.fromkeys(_logged(Record)))
"""The keys that events of the log have as well."""
