"""What `doctor` tells of one secret beside its labels: readers, an open rotation, the world against
the journal, the login that its fields make."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rotation.cli.failures import AT_RISK, GENERIC, HELD, OK, code_of
from rotation.cli.reconcile import code_of_difference, remember_strangers
from rotation.cli.session import Session
from rotation.describe import ways_out, what_works, why_held
from rotation.errors import RotationError
from rotation.fold import Rotation, fold
from rotation.health import consumers_at_risk, left_alive
from rotation.operations.reconcile import look
from rotation.types import Fields, PermissionSet, Verdict, is_our_mark

Finding: TypeAlias = tuple[str, str, int, str | None, str]
"""Subject, finding, exit code, code, next."""


def findings(session: Session, name: str, *, login: bool) -> Iterator[Finding]:
    """Nothing where all is as the journal has it."""
    entries = session.records.entries(session.entry(name).stream)
    if entries:
        yield from _journal(fold(entries), name)
        found = look(session, name)
        remember_strangers(session, name, found)
        for each in found.differences:
            yield name, each.message, code_of_difference(each), each.code, each.next
    else:
        yield from _unclaimed(session, name)
    if login:
        yield from _mapped(session, name)
    yield from _cautions(session, name)


def _cautions(session: Session, name: str) -> Iterator[Finding]:
    """Nothing is wrong yet."""
    issuer = session.bind(session.specification(name)).issuer
    # By name: the adapter may stand behind another object, which has no such type of its own.
    if hasattr(issuer, "cautions"):
        try:
            cautions: Sequence[tuple[str, str, str]] = issuer.cautions()
        except RotationError:
            return  # what does not answer is told with the secret itself
        for code, sentence, next_ in cautions:
            yield f"{name}, in an emergency", sentence, OK, code, next_


def of_journal(session: Session, stream: str, name: str) -> Iterator[Finding]:
    """What the journal alone tells."""
    yield from _journal(fold(session.records.entries(stream)), name)


def _journal(rotation: Rotation, name: str) -> Iterator[Finding]:
    if consumers_at_risk(rotation):
        ways = ways_out(rotation, name) or (f"rotation rotate {name} --replace",)
        yield name, what_works(rotation), AT_RISK, "health.readers-down", ways[0]
    elif rotation.held is not None and rotation.outcome is None:
        ways = ways_out(rotation, name)
        yield name, f"held: {why_held(rotation.held)}", HELD, rotation.held, ways[0]
    if left := left_alive(rotation):
        told = f"an earlier rotation left {', '.join(left)} alive"
        yield name, told, GENERIC, "health.left-alive", f"rotation rotate {name}"


def _unclaimed(session: Session, name: str) -> Iterator[Finding]:
    """Of a secret that the journal does not know: whether it could be adopted, or was."""
    state = session.bind(session.specification(name)).store.state()
    claim, current = state.claim, state.current
    if current is not None and is_our_mark(current, session.configuration.installation):
        told = f"the current version {current} is ours, but this journal does not know the secret"
        next_ = (
            "restore the newest journal; if it is gone for good: "
            f"`rotation adopt {name} --take-over`"
        )
        yield name, told, HELD, "held.journal-behind", next_
    elif claim not in (None, session.configuration.installation):
        told = f"installation {claim} claims this secret"
        next_ = f"if that one is gone: `rotation adopt {name} --take-over`"
        yield name, told, HELD, "held.claim-foreign", next_


def refused_login(session: Session, name: str) -> Iterator[Finding]:
    """Where the issuer does not answer, what readers get may still be asked."""
    bound = session.bind(session.specification(name))
    version = bound.store.state().current
    if version is None or bound.probe is None:
        return
    fields = bound.store.read(version, under=PermissionSet.PROVE)
    if bound.probe.login(fields) is Verdict.REFUSED:
        yield _refused(name, bound.issuer.handle_of(fields, version), fields)


def _refused(name: str, handle: str, fields: Fields) -> Finding:
    told = f"a login with the current value ({handle}) was refused: readers may be down now"
    if fields.padded:
        told += f"; {', '.join(fields.padded)} begins or ends with white space"
    next_ = f"`rotation rotate {name} --replace` looks again, and makes a new one if it is dead"
    return f"{name}, login", told, AT_RISK, "health.login-refused", next_


def _mapped(session: Session, name: str) -> Iterator[Finding]:
    """The current value, read by the secret's `fields:`, names an instance that the issuer lists."""
    bound = session.bind(session.specification(name))
    version = bound.store.state().current
    if version is None:
        return
    try:
        fields = bound.store.read(version, under=PermissionSet.PROVE)
        handle, listing = bound.issuer.handle_of(fields, version), bound.issuer.listing()
    except RotationError as error:
        yield f"{name}, login", error.message, code_of(error) or OK, error.code, error.hint
        return
    if bound.probe is not None and bound.probe.login(fields) is Verdict.REFUSED:
        yield _refused(name, handle, fields)
    if bound.issuer.traits.lists and listing.find(handle) is None:
        told = f"the current value names {handle}, which the issuer does not list"
        next_ = f"compare `fields:` and the issuer's user; dead: `rotation rotate {name} --replace`"
        yield f"{name}, login", told, HELD, "held.instance-missing", next_
