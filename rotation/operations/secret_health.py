"""What `doctor` reports of a secret besides its labels: its readers, an open rotation, differences
between world and journal, and a login with its fields."""

from collections.abc import Callable, Iterator, Sequence

from rotation.errors import RotationError
from rotation.machine.replay import Rotation, replay
from rotation.operations.findings import Finding, Grade, failed
from rotation.operations.installation import Installation
from rotation.operations.reconcile import Found, look
from rotation.report.describe import what_works
from rotation.report.exits import ways_out, why_held
from rotation.report.health import consumers_at_risk, left_alive
from rotation.types import Fields, PermissionSet, Verdict, is_our_mark

# Called for each secret that was compared with the journal.
Looked = Callable[[str, Found], None]


def findings(here: Installation, name: str, looked: Looked, *, login: bool) -> Iterator[Finding]:
    """Nothing where everything is as the journal has it."""
    entries = here.records.entries(here.entry(name).stream)
    if entries:
        yield from _journal(replay(entries), name)
        found = look(here, name)
        looked(name, found)
        for each in found.differences:
            grade = Grade.DOWN if each.down else Grade.HELD
            yield Finding(name, each.message, grade, each.code, each.next)
    else:
        yield from _unclaimed(here, name)
    if login:
        yield from _mapped(here, name)
    yield from _cautions(here, name)


def _cautions(here: Installation, name: str) -> Iterator[Finding]:
    """Risks where nothing is wrong yet."""
    issuer = here.bind(here.specification(name)).issuer
    # By name: the adapter may be wrapped in a proxy, which has no type of its own.
    if hasattr(issuer, "cautions"):
        try:
            cautions: Sequence[tuple[str, str, str]] = issuer.cautions()
        except RotationError:
            return  # an issuer that does not answer is reported with the secret itself
        for code, sentence, next_ in cautions:
            yield Finding(f"{name}, in an emergency", sentence, Grade.FINE, code, next_)


def of_journal(here: Installation, stream: str, name: str) -> Iterator[Finding]:
    """What the journal alone shows."""
    yield from _journal(replay(here.records.entries(stream)), name)


def _journal(rotation: Rotation, name: str) -> Iterator[Finding]:
    if consumers_at_risk(rotation):
        ways = ways_out(rotation, name) or (f"rotation rotate {name} --replace",)
        yield Finding(name, what_works(rotation), Grade.DOWN, "health.readers-down", ways[0])
    elif rotation.held is not None and rotation.outcome is None:
        ways = ways_out(rotation, name)
        yield Finding(name, f"held: {why_held(rotation.held)}", Grade.HELD, rotation.held, ways[0])
    if left := left_alive(rotation):
        sentence = f"an earlier rotation left {', '.join(left)} alive"
        yield Finding(name, sentence, Grade.WRONG, "health.left-alive", f"rotation rotate {name}")


def _unclaimed(here: Installation, name: str) -> Iterator[Finding]:
    """A secret that the journal does not know: whether it can be adopted, or was adopted
    already."""
    state = here.bind(here.specification(name)).store.state()
    claim, current = state.claim, state.current
    if current is not None and is_our_mark(current, here.configuration.installation):
        sentence = (
            f"the current version {current} is ours, but this journal does not know the secret"
        )
        next_ = (
            "restore the newest journal; if it is gone for good: "
            f"`rotation adopt {name} --take-over`"
        )
        yield Finding(name, sentence, Grade.HELD, "held.journal-behind", next_)
    elif claim not in (None, here.configuration.installation):
        sentence = f"installation {claim} claims this secret"
        next_ = f"if that one is gone: `rotation adopt {name} --take-over`"
        yield Finding(name, sentence, Grade.HELD, "held.claim-foreign", next_)


def refused_login(here: Installation, name: str) -> Iterator[Finding]:
    """Where the issuer does not answer, a login can still show whether readers have a working
    credential."""
    bound = here.bind(here.specification(name))
    version = bound.store.state().current
    if version is None or bound.probe is None:
        return
    fields = bound.store.read(version, under=PermissionSet.PROVE)
    if bound.probe.login(fields) is Verdict.REFUSED:
        yield _refused(name, bound.issuer.handle_of(fields, version), fields)


def _refused(name: str, handle: str, fields: Fields) -> Finding:
    sentence = f"a login with the current value ({handle}) was refused: readers may be down now"
    if fields.padded:
        sentence += f"; {', '.join(fields.padded)} begins or ends with white space"
    next_ = f"`rotation rotate {name} --replace` looks again, and makes a new one if it is dead"
    return Finding(f"{name}, login", sentence, Grade.DOWN, "health.login-refused", next_)


def _mapped(here: Installation, name: str) -> Iterator[Finding]:
    """Whether the current value, read by the secret's `fields:`, names an instance that the issuer
    lists."""
    bound = here.bind(here.specification(name))
    version = bound.store.state().current
    if version is None:
        return
    try:
        fields = bound.store.read(version, under=PermissionSet.PROVE)
        handle, listing = bound.issuer.handle_of(fields, version), bound.issuer.listing()
    except RotationError as error:
        yield failed(f"{name}, login", error)
        return
    if bound.probe is not None and bound.probe.login(fields) is Verdict.REFUSED:
        yield _refused(name, handle, fields)
    if bound.issuer.traits.lists and listing.find(handle) is None:
        sentence = f"the current value names {handle}, which the issuer does not list"
        next_ = f"compare `fields:` and the issuer's user; dead: `rotation rotate {name} --replace`"
        yield Finding(f"{name}, login", sentence, Grade.HELD, "held.instance-missing", next_)
