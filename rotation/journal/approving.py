"""What entries about approvals say. As `journal.facts`."""

from rotation.journal.record import Anything, Count, Flag, Moment, Names, Record, Text


class Approval(Record):
    """APPROVAL: one of them is asked for, given, refused, done without, or that was reviewed."""

    said: Text = Text(logged=True)
    # Of all but `asked`: the request that it belongs to.
    request: Text = Text()
    # Of `given`: the person, and the signature or what else proves it.
    approver: Text = Text(logged=True)
    signature: Text = Text()
    by_os_user: Flag = Flag()
    reason: Text = Text(logged=True)


class Request(Record):
    """APPROVAL, as it is asked for: everything that an approver signs."""

    secret: Text = Text(logged=True)
    environment: Text = Text()
    policy: Text = Text()
    stream: Text = Text()
    # The hash of the rotation's OPENED, the row and its round: one step of one rotation, once.
    rotation: Text = Text()
    row: Anything = Anything()
    step: Text = Text(logged=True)
    plan: Text = Text()
    requester: Text = Text()
    # How many of whom.
    needs: Count = Count()
    by: Names = Names()
    expires: Moment = Moment()
    # What happens then, in words, and the rows that follow.
    does: Text = Text()
    rows: Names = Names()
    digest: Text = Text()
