"""`doctor`: what is wrong, what it means, and the one repair that cannot make it worse."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

import click

from rotation.cli.app import settings, verb
from rotation.cli.ask import confirm
from rotation.cli.failures import AT_RISK, GENERIC, HELD, OK, code_of, worst
from rotation.cli.opening import carry_out
from rotation.cli.options import here_option, known_names, yes_option
from rotation.cli.say import as_json, plain, result
from rotation.cli.session import Session, open_session
from rotation.describe import leads_back, open_exits
from rotation.effects.neighbours import stale_in
from rotation.errors import NeedsPerson, PolicyRefusal, RotationError, Usage
from rotation.fold import fold
from rotation.held import Exit
from rotation.interfaces import Bound, Consumer, Layout, Look, Rehearses
from rotation.operations.opening import open_rotation
from rotation.spill import unmerged
from rotation.types import PENDING, PermissionSet, StoreState, Verdict

HEALTHY = frozenset({"healthy", "in-progress"})


@dataclass(frozen=True, slots=True)
class Check:
    """exit_code 0: as it should be. next: what a person does about it."""

    subject: str
    finding: str
    exit_code: int = OK
    code: str | None = None
    next: str = ""


@verb(
    "doctor", "doctor", "doctor billing-iam orders-db --login", "doctor billing-iam --repair",
    "doctor --as emergency", "doctor --alarms=drill",
)  # fmt: skip
@click.argument("names", nargs=-1, shell_complete=known_names)
@click.option("--login", is_flag=True, help="Try a login with each labelled version.")
@click.option("--repair", is_flag=True, help="Do the one safe repair of NAME.")
@click.option(
    "--as", "role", type=click.Choice(["emergency"]), help="Only whether that role works for you."
)
@click.option(
    "--alarms", is_flag=False, flag_value="look", type=click.Choice(["look", "drill"]),
    help="Only whether the stack's alarms would reach somebody; drill: provokes the harmless one.",
)  # fmt: skip
@yes_option
@here_option
def doctor(
    names: tuple[str, ...], *, login: bool, repair: bool, role: str | None, alarms: str | None,
    yes: bool, here: bool,
) -> int:  # fmt: skip
    """Find what is wrong, and offer the one safe repair.

    Looks at the configuration, the journal, live runners, every connection's identity, what its
    roles can really do, and the labels of each secret. What IAM cannot tell it, it cannot see:
    policies of secrets and keys, and those of an organisation. --alarms looks with the connection's
    base credentials: a person's, for the runner has no right to see what watches it. Changes nothing
    without --repair, which is an ordinary rotation of plan REPAIR: it never promotes a version that
    this installation did not stage.
    """
    if repair and len(names) != 1:
        raise Usage(
            "cli.usage",
            "--repair needs the name of one secret; nothing was done",
            "`rotation doctor` finds which",
        )
    with open_session(effectful=repair) as session:
        if alarms is not None:
            checks = list(_alarm_checks(session, drill=alarms == "drill"))
        elif role is not None:
            asked = [session.entry(name).id for name in _names(session, names)]
            checks = list(_permission_checks(session, asked, emergency=True))
            checks = checks or [_NO_EMERGENCY_ROLE]
        else:
            checks = list(_all_checks(session, _names(session, names), login=login))
        _tell(checks)
        if repair:
            return _repair(session, names[0], login=login, yes=yes, here=here)
        return worst(check.exit_code for check in checks if check.exit_code) or OK


_NO_EMERGENCY_ROLE = Check(
    "emergency role",
    "no connection of these secrets has roles that can be asked about, so nothing was tried; an "
    "emergency is contained with the connection's own login",
    GENERIC,
    "doctor.no-emergency-role",
    "`rotation policy` prints what that login needs; `roles: {contain: …}` names a role of its own",
)


def _all_checks(session: Session, names: list[str], *, login: bool) -> Iterator[Check]:
    configuration = session.configuration
    yield Check(
        "configuration", f"{session.configuration_path}, {len(configuration.warnings)} warnings"
    )
    journal = list(_journal_checks(session))
    yield from journal
    for each in (name for name in names if session.orphans_of(name)):
        yield from _orphan_checks(session, each)
    names = [name for name in names if session.configuration.secret(name) is not None]
    for each in names:
        told = [check for check in journal if check.subject == f"{each}, emergency"]
        yield from _of_secret(session, each, told, login=login)
    yield from _permission_checks(session, names, emergency=False)


def _of_secret(session: Session, name: str, told: list[Check], *, login: bool) -> Iterator[Check]:
    """Its labels are called healthy only where nothing else of it says otherwise. told: before."""
    check = _secret_check(session, name, login=login)
    beside = list(_beside(session, name, check, login=login))
    otherwise = any(each.exit_code for each in (*told, *beside))
    if not (otherwise and check.code == "layout.healthy"):
        yield check
    yield from beside


def _beside(session: Session, name: str, check: Check, *, login: bool) -> Iterator[Check]:
    if check.code is None or check.code.startswith("layout."):
        yield from _wellbeing_checks(session, name, login=login)
    elif login:
        yield from _login_checks(session, name)
    yield from _delivery_checks(session, name)
    if login:
        yield from _neighbour_checks(session, name)


def _names(session: Session, names: tuple[str, ...]) -> list[str]:
    """Each once; none stands for all."""
    if names:
        return list(dict.fromkeys(_name(session, name) for name in names))
    return [entry.id for entry in session.configuration.secrets()]


def _name(session: Session, name: str) -> str:
    return name if session.orphans_of(name) else session.entry(name).id


def _orphan_checks(session: Session, name: str) -> Iterator[Check]:
    """Of what only the journal still knows: nobody says where it lies by now."""
    from rotation.cli.wellbeing import of_journal  # noqa: PLC0415 -- loads the effects

    for row in session.orphans_of(name):
        yield from (Check(*each) for each in of_journal(session, row.stream, name))
    told = "not in the configuration: nothing rotates it, and only the journal was asked"
    yield Check(name, told, GENERIC, "health.orphaned", "put it back into the configuration")


def _permission_checks(session: Session, names: list[str], *, emergency: bool) -> Iterator[Check]:
    from rotation.cli.preflight import EMERGENCY, permissions  # noqa: PLC0415 -- only here

    sets = EMERGENCY if emergency else tuple(PermissionSet)
    yield from (Check(*finding) for finding in permissions(session, names, sets))


def _alarm_checks(session: Session, *, drill: bool) -> Iterator[Check]:
    from rotation.cli.alarms import watched  # noqa: PLC0415 -- only here

    yield from (Check(*finding) for finding in watched(session, drill=drill))


def _journal_checks(session: Session) -> Iterator[Check]:
    try:
        installation = session.records.installation
    except RotationError as error:
        yield _failed("journal", error)
        return
    yield Check("journal", f"{session.configuration.journal}, installation {installation}")
    yield from _proof(session)
    yield from _unmerged(session)
    alive = session.live_runner()
    yield Check("runner", f"{alive} is alive" if alive else "no `rotation serve` is alive here")


def _proof(session: Session) -> Iterator[Check]:
    """How far back it is proved that nobody changed it; nothing to tell without a key."""
    if session.configuration.seal_key is None:
        return
    from rotation.cli.proof import reach, refuse_unproved  # noqa: PLC0415 -- only where there is one

    try:
        refuse_unproved(session)
    except RotationError as error:
        yield _failed("journal's seal", error)
    else:
        yield Check("journal's seal", reach(session))


def _unmerged(session: Session) -> Iterator[Check]:
    """What an emergency did without the journal, and nobody brought in since."""
    configuration = session.configuration
    for path, told in unmerged(configuration.journal, configuration.installation, session.records):
        merge = f"`rotation emergency merge {path}`"
        subject = f"{session.called(told.secret)}, emergency"
        yield Check(subject, told.unknown, HELD, "emergency.unmerged", merge)


def _failed(subject: str, error: RotationError) -> Check:
    return Check(subject, error.message, code_of(error), error.code, error.hint)


def _secret_check(session: Session, name: str, *, login: bool) -> Check:
    try:
        layout = _layout(session, name, login=login)
    except RotationError as error:
        known = session.records.identity(session.entry(name).stream)
        down = error.facts.get("all_gone") and known is not None and known.is_alive
        return replace(_failed(name, error), exit_code=AT_RISK) if down else _failed(name, error)
    if layout is None:
        return Check(name, "its store and issuer answer; nobody knows its label layouts")
    healthy = layout.name in HEALTHY
    # What the logins showed is what the repair stands on.
    words = f"rotation doctor {name}{' --login' if login else ''} --repair"
    repair = f"{_words(layout, name)}: {words}" if layout.by_plan else _words(layout, name)
    if layout.by_rollback and _offers_rollback(session, name):
        repair = f"`rotation rollback {name}`"
    return Check(
        name,
        f"{layout.name}: {layout.meaning}",
        OK if healthy else AT_RISK if layout.down else GENERIC,
        f"layout.{layout.name}",
        "" if healthy else repair,
    )


def _offers_rollback(session: Session, name: str) -> bool:
    entries = session.records.entries(session.entry(name).stream)
    rotation = fold(entries) if entries else None
    if rotation is None or rotation.outcome is not None:
        return False
    return leads_back(rotation) if rotation.held is None else Exit.ROLLBACK in open_exits(rotation)


def _wellbeing_checks(session: Session, name: str, *, login: bool) -> Iterator[Check]:
    from rotation.cli.wellbeing import findings  # noqa: PLC0415 -- loads the effects

    try:
        found = [Check(*finding) for finding in findings(session, name, login=login)]
    except RotationError:
        return  # told with the secret itself
    # The same is not said twice, as a reason to be held and as a difference.
    yield from {(check.code, check.finding): check for check in found}.values()


def _login_checks(session: Session, name: str) -> Iterator[Check]:
    from rotation.cli.wellbeing import refused_login  # noqa: PLC0415 -- loads the effects

    try:
        found = [Check(*finding) for finding in refused_login(session, name)]
    except RotationError:
        return  # told with the secret itself
    yield from found


def _delivery_checks(session: Session, name: str) -> Iterator[Check]:
    """Each consumer that can tell beforehand whether a delivery would reach it."""
    try:
        consumers = session.bind(session.specification(name)).consumers
    except RotationError:
        return  # told with the secret itself
    for consumer, bound in consumers.items():
        subject = f"{name}, consumer {consumer}"
        if _rehearses(bound):
            try:
                bound.rehearse()
            except RotationError as error:
                yield _failed(subject, error)
            else:
                yield Check(subject, "a delivery would reach it")


def _rehearses(consumer: Consumer) -> TypeGuard[Rehearses]:
    # By name: the adapter may stand behind another object, which has no such type of its own.
    return hasattr(consumer, "rehearse")


def _neighbour_checks(session: Session, name: str) -> Iterator[Check]:
    """Other keys of the secret: what a rotation would stop for before it makes anything."""
    entries = session.records.entries(session.entry(name).stream)
    spec = session.specification(name)
    handle = fold(entries).old if entries else None
    try:
        store = session.bind(spec).store
        found = stale_in(store, spec, store.state().current or "", handle or "")
    except NeedsPerson as error:
        yield _failed(f"{name}, other keys", error)
        return
    except RotationError:
        return  # told with the secret itself
    if found:
        yield Check(
            f"{name}, other keys",
            f"{', '.join(found)} holds the same credential, and no rotation begins",
            GENERIC,
            "held.stale-copy",
            "declare that under `composed:` or `accept_stale:`",
        )


def _words(layout: Layout, name: str) -> str:
    return layout.repair.replace("NAME", name)


def _layout(session: Session, name: str, *, login: bool) -> Layout | None:
    """None where this kind of store has no doctor. The reads themselves assert each connection's
    account and that the issuer answers."""
    from rotation.registry import installed  # noqa: PLC0415

    spec = session.specification(name)
    bound = session.bind(spec)
    look = _look(session, name, bound, login=login)
    bound.issuer.listing()
    if spec.store.type not in installed().names("doctors"):
        return None
    layout: Layout = installed().load("doctors", spec.store.type)(look)
    return layout


def _look(session: Session, name: str, bound: Bound, *, login: bool) -> Look:
    entries = session.records.entries(session.entry(name).stream)
    rotation = fold(entries) if entries else None
    is_open = rotation is not None and rotation.outcome is None
    state = bound.store.state()
    staged = rotation.new_version if rotation is not None and is_open else None
    looked_into = [v.id for v in state.versions if login or PENDING in v.labels]
    return Look(
        state=state,
        installation=session.configuration.installation,
        open_version=staged,
        logs_in=_logins(bound, state) if login else {},
        valueless=frozenset(
            version
            for version in looked_into
            if version not in (state.current, staged) and _has_no_value(bound, version)
        ),
    )


def _has_no_value(bound: Bound, version: str) -> bool:
    """Only a read tells. One that is not allowed tells nothing."""
    try:
        bound.store.read(version, under=PermissionSet.PROVE)
    except RotationError as error:
        return error.code == "store.version-missing"
    return False


def _logins(bound: Bound, state: StoreState) -> dict[str, bool]:
    """One login with each labelled version. A probe that cannot say leaves it untried, but for
    what readers get: that nobody could read it or try it is what there is to tell."""
    if bound.probe is None:
        return {}
    tried = {}
    for version in sorted(state.pointers):
        try:
            fields = bound.store.read(version, under=PermissionSet.PROVE)
            tried[version] = bound.probe.login(fields) is Verdict.ACCEPTED
        except RotationError:
            if version == state.current:
                raise
    return tried


def _repair(session: Session, name: str, *, login: bool, yes: bool, here: bool) -> int:
    layout = _layout(session, name, login=login)
    if layout is None or not layout.by_plan:
        told = "its label layout is unknown" if layout is None else _words(layout, name)
        raise PolicyRefusal(
            "doctor.no-repair", f"there is no repair of {name} that is safe to do for you", told
        )
    entry = session.entry(name)
    confirm(f"{entry.id}: {_words(layout, entry.id)}?", yes=yes)
    open_rotation(session, entry, "repair", trigger="person")
    return carry_out(session, {entry.stream: name}, wait=True, here=here)


def _tell(checks: list[Check]) -> None:
    if settings().output == "json":
        told = [
            {"subject": c.subject, "ok": not c.exit_code, "code": c.code, "finding": c.finding,
             "next": c.next or None}
            for c in checks
        ]  # fmt: skip
        as_json("doctor", {"checks": told})
        return
    for check in checks:
        caution = ("!", "yellow") if check.next else ("✓", "green")
        sign, colour = ("✗", "red") if check.exit_code else caution
        result(f"{click.style(sign, fg=colour)} {plain(f'{check.subject}: {check.finding}')}")
        if check.next:
            result(plain(f"    next: {check.next}"))
