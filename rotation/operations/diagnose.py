"""What is wrong with an installation or a secret, what it means, and the one safe repair."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeGuard

from rotation.errors import NeedsPerson, PolicyRefusal, RotationError
from rotation.execution.effects.neighbours import stale_in
from rotation.interfaces import Adapters, Consumer, Diagnosis, LabelSnapshot, Rehearses
from rotation.journal.facts import Failure
from rotation.journal.spill import unmerged
from rotation.journal.sqlite import no_room
from rotation.machine.held import Exit
from rotation.machine.replay import replay
from rotation.operations import approvals
from rotation.operations.findings import Finding, Grade, failed
from rotation.operations.installation import Installation
from rotation.operations.secret_health import Looked, findings, of_journal, refused_login
from rotation.report.exits import leads_back, open_exits
from rotation.schedule.breaker import trips
from rotation.types import PENDING, PermissionSet, StoreState, Verdict

HEALTHY = frozenset({"healthy", "in-progress"})

NO_EMERGENCY_ROLE = Finding(
    "emergency role",
    "no connection of these secrets has roles that can be asked about, so nothing was tried; an "
    "emergency is contained with the connection's own login",
    Grade.WRONG,
    "doctor.no-emergency-role",
    "`rotation policy` prints what that login needs; `roles: {contain: …}` names a role of its own",
)


def all_checks(
    here: Installation, names: Sequence[str], looked: Looked, *, login: bool
) -> Iterator[Finding]:
    configuration = here.configuration
    yield Finding(
        "configuration", f"{here.configuration_path}, {len(configuration.warnings)} warnings"
    )
    journal = list(_journal_checks(here))
    yield from journal
    yield from _route_checks(here)
    yield from _heartbeat_check(here)
    yield from approvals.checks(here)
    for each in (name for name in names if here.orphans_of(name)):
        yield from _orphan_checks(here, each)
    names = [name for name in names if here.configuration.secret(name) is not None]
    yield from _plugin_checks(here, names)
    for each in names:
        before = [check for check in journal if check.subject == f"{each}, emergency"]
        yield from _of_secret(here, each, before, looked, login=login)
    yield from permission_checks(here, names, emergency=False)


def _route_checks(here: Installation) -> Iterator[Finding]:
    """Each route of the alerts, and since when it does not get through."""
    if not here.configuration.alerts.routes:
        return
    from rotation.operations.alerts import failing  # noqa: PLC0415 -- only where there are routes
    from rotation.operations.silence import trouble  # noqa: PLC0415

    for error in trouble(here, here.clock.now()):
        if error.code != "alerts.undelivered":
            yield failed("alerts", error)
            return
    wrong = {each.route: each for each in failing(here)}
    for route in here.configuration.alerts.routes:
        subject, found = f"alerts by {route.id}", wrong.get(route.id)
        try_ = f"`rotation alerts test {route.id}`"
        if found is None:
            yield Finding(subject, f"nothing waits; to try it: {try_}")
        else:
            yield Finding(subject, str(found), Grade.WRONG, found.why, try_)


def _heartbeat_check(here: Installation) -> Iterator[Finding]:
    """It is not called: a call would hide for an interval that nobody else makes one."""
    heartbeat = here.configuration.heartbeat
    if heartbeat is None:
        return
    from rotation.alerts.heartbeat import address  # noqa: PLC0415 -- only where there is one

    try:
        address(heartbeat)
    except RotationError as error:
        yield failed("heartbeat", error)
    else:
        yield Finding(
            "heartbeat", "its address can be read; the log of `serve` says whether it gets through"
        )


def _plugin_checks(here: Installation, names: Sequence[str]) -> Iterator[Finding]:
    """Reports each plugin that does not load, once, however many secrets name it."""
    from rotation.plugins.registry import installed, parts_of  # noqa: PLC0415

    specs = [here.specification(name) for name in names]
    yield from _package_checks()
    used = dict.fromkeys((kind, part.type) for spec in specs for kind, part in parts_of(spec))
    for kind, plugin in used:
        if plugin not in installed().names(kind):
            continue  # a verifier alone, which is reported with its secret
        try:
            installed().load(kind, plugin)
        except RotationError as error:
            yield failed(f"plugin {plugin}", error)


def _package_checks() -> Iterator[Finding]:
    """Each package of others that is trusted, as it is installed."""
    from rotation.operations.trust import UNNAMED, installed_packages  # noqa: PLC0415
    from rotation.plugins.registry import installed  # noqa: PLC0415
    from rotation.plugins.trust import Trust  # noqa: PLC0415

    for package in installed_packages(installed().trust or Trust()):
        if package.standing != UNNAMED:  # those run nothing
            sentence = f"{', '.join(package.plugins)}; {package.standing}; {package.digest}"
            yield Finding(f"plugins of {package.name} {package.version}", sentence)


def _of_secret(
    here: Installation, name: str, before: Sequence[Finding], looked: Looked, *, login: bool
) -> Iterator[Finding]:
    """Everything about one secret. Its labels are called healthy only where nothing else is wrong
    with it. before: the findings so far."""
    check = _secret_check(here, name, login=login)
    beside = list(_beside(here, name, check, looked, login=login))
    otherwise = any(not each.is_fine for each in (*before, *beside))
    if not (otherwise and check.code == "layout.healthy"):
        yield check
    yield from beside


def _beside(
    here: Installation, name: str, check: Finding, looked: Looked, *, login: bool
) -> Iterator[Finding]:
    if check.code is None or check.code.startswith("layout."):
        yield from _wellbeing_checks(here, name, looked, login=login)
    elif login:
        yield from _login_checks(here, name)
    yield from _delivery_checks(here, name)
    if login:
        yield from _neighbour_checks(here, name)


def names_of(here: Installation, names: Sequence[str]) -> list[str]:
    """The ids of the named secrets, without repetition; of all secrets where no name is given."""
    if names:
        return list(dict.fromkeys(_name(here, name) for name in names))
    return [entry.id for entry in here.configuration.secrets()]


def _name(here: Installation, name: str) -> str:
    return name if here.orphans_of(name) else here.entry(name).id


def _orphan_checks(here: Installation, name: str) -> Iterator[Finding]:
    """A secret that only the journal still knows: the configuration no longer says where it
    lies."""
    for row in here.orphans_of(name):
        yield from of_journal(here, row.stream, name)
    text = "not in the configuration: nothing rotates it, and only the journal was asked"
    yield Finding(name, text, Grade.WRONG, "health.orphaned", "put it back into the configuration")


def permission_checks(
    here: Installation, names: Sequence[str], *, emergency: bool
) -> Iterator[Finding]:
    from rotation.operations.preflight import EMERGENCY, permissions  # noqa: PLC0415 -- only here

    sets = EMERGENCY if emergency else tuple(PermissionSet)
    try:
        yield from permissions(here, names, sets)
    except RotationError as error:
        yield failed("permissions", error)


def alarm_checks(here: Installation, *, drill: bool) -> Iterator[Finding]:
    from rotation.operations.alarms import watched  # noqa: PLC0415 -- only here

    try:
        yield from watched(here, drill=drill)
    except RotationError as error:
        yield failed("alarms", error)


def _journal_checks(here: Installation) -> Iterator[Finding]:
    try:
        installation = here.records.installation
    except RotationError as error:
        yield failed("journal", error)
        return
    place, full = here.configuration.journal, no_room(here.configuration.journal)
    fine = Finding("journal", f"{place}, installation {installation}")
    yield fine if full is None else failed("journal", full)
    yield from _proof(here)
    yield from _unmerged(here)
    for trip in trips(here.records).values():
        refusal = trip.refusal
        yield Finding("breaker", refusal.message, Grade.HELD, refusal.code, refusal.hint)
    alive = here.live_runner()
    yield Finding("runner", f"{alive} is alive" if alive else "no `rotation serve` is alive here")


def _proof(here: Installation) -> Iterator[Finding]:
    """Since when seals prove the journal; nothing without a key."""
    if here.configuration.seal_key is None:
        return
    from rotation.operations.sealing import reach, refuse_unproved  # noqa: PLC0415 -- only where there is one

    try:
        refuse_unproved(here)
    except RotationError as error:
        yield failed("journal's seal", error)
    else:
        yield Finding("journal's seal", reach(here))


def _unmerged(here: Installation) -> Iterator[Finding]:
    """What an emergency did without the journal and nobody has merged since."""
    configuration = here.configuration
    for path, spill in unmerged(configuration.journal, configuration.installation, here.records):
        merge = f"`rotation emergency merge {path}`"
        subject = f"{here.called(spill.secret)}, emergency"
        yield Finding(subject, spill.unknown, Grade.HELD, "emergency.unmerged", merge)


def _secret_check(here: Installation, name: str, *, login: bool) -> Finding:
    try:
        layout = _layout(here, name, login=login)
    except RotationError as error:
        known = here.records.identity(here.entry(name).stream)
        down = Failure.of(error.facts).all_gone and known is not None and known.is_alive
        return replace(failed(name, error), grade=Grade.DOWN) if down else failed(name, error)
    if layout is None:
        return Finding(name, "its store and issuer answer; nobody knows its label layouts")
    healthy = layout.name in HEALTHY
    # The repair relies on what the logins showed.
    words = f"rotation doctor {name}{' --login' if login else ''} --repair"
    repair = f"{_words(layout, name)}: {words}" if layout.by_plan else _words(layout, name)
    if layout.by_rollback and _offers_rollback(here, name):
        repair = f"`rotation rollback {name}`"
    return Finding(
        name,
        f"{layout.name}: {layout.meaning}",
        Grade.FINE if healthy else Grade.DOWN if layout.down else Grade.WRONG,
        f"layout.{layout.name}",
        "" if healthy else repair,
    )


def _offers_rollback(here: Installation, name: str) -> bool:
    entries = here.records.entries(here.entry(name).stream)
    rotation = replay(entries) if entries else None
    if rotation is None or rotation.outcome is not None:
        return False
    return leads_back(rotation) if rotation.held is None else Exit.ROLLBACK in open_exits(rotation)


def _wellbeing_checks(
    here: Installation, name: str, looked: Looked, *, login: bool
) -> Iterator[Finding]:
    try:
        found = list(findings(here, name, looked, login=login))
    except RotationError:
        return  # reported with the secret itself
    # The same text may come up twice, as a reason for Held and as a difference.
    yield from {(check.code, check.text): check for check in found}.values()


def _login_checks(here: Installation, name: str) -> Iterator[Finding]:
    try:
        found = list(refused_login(here, name))
    except RotationError:
        return  # reported with the secret itself
    yield from found


def _delivery_checks(here: Installation, name: str) -> Iterator[Finding]:
    """Each consumer that can tell beforehand whether a delivery would reach it."""
    try:
        consumers = here.bind(here.specification(name)).consumers
    except RotationError:
        return  # reported with the secret itself
    for consumer, bound in consumers.items():
        subject = f"{name}, consumer {consumer}"
        if _rehearses(bound):
            try:
                bound.rehearse()
            except RotationError as error:
                yield failed(subject, error)
            else:
                yield Finding(subject, "a delivery would reach it")


def _rehearses(consumer: Consumer) -> TypeGuard[Rehearses]:
    # By name: the adapter may be wrapped in a proxy, which has no type of its own.
    return hasattr(consumer, "rehearse")


def _neighbour_checks(here: Installation, name: str) -> Iterator[Finding]:
    """Other keys of the secret that would stop a rotation before its mint."""
    entries = here.records.entries(here.entry(name).stream)
    spec = here.specification(name)
    handle = replay(entries).old if entries else None
    try:
        store = here.bind(spec).store
        found = stale_in(store, spec, store.state().current or "", handle or "")
    except NeedsPerson as error:
        yield failed(f"{name}, other keys", error)
        return
    except RotationError:
        return  # reported with the secret itself
    if found:
        yield Finding(
            f"{name}, other keys",
            f"{', '.join(found)} holds the same credential, and no rotation begins",
            Grade.WRONG,
            "held.stale-copy",
            "declare that under `composed:` or `accept_stale:`",
        )


def _words(layout: Diagnosis, name: str) -> str:
    return layout.repair.replace("NAME", name)


def _layout(here: Installation, name: str, *, login: bool) -> Diagnosis | None:
    """None where this kind of store has no doctor. The reads also assert each connection's account
    and that the issuer answers."""
    from rotation.plugins.registry import installed  # noqa: PLC0415

    spec = here.specification(name)
    bound = here.bind(spec)
    look = _look(here, name, bound, login=login)
    bound.issuer.listing()
    if spec.store.type not in installed().names("doctors"):
        return None
    layout: Diagnosis = installed().load("doctors", spec.store.type)(look)
    return layout


def _look(here: Installation, name: str, bound: Adapters, *, login: bool) -> LabelSnapshot:
    entries = here.records.entries(here.entry(name).stream)
    rotation = replay(entries) if entries else None
    is_open = rotation is not None and rotation.outcome is None
    state = bound.store.state()
    staged = rotation.new_version if rotation is not None and is_open else None
    looked_into = [v.id for v in state.versions if login or PENDING in v.labels]
    return LabelSnapshot(
        state=state,
        installation=here.configuration.installation,
        open_version=staged,
        logs_in=_logins(bound, state) if login else {},
        valueless=frozenset(
            version
            for version in looked_into
            if version not in (state.current, staged) and _has_no_value(bound, version)
        ),
    )


def _has_no_value(bound: Adapters, version: str) -> bool:
    """Whether a read shows that the version has no value. A read that is denied shows nothing."""
    try:
        bound.store.read(version, under=PermissionSet.PROVE)
    except RotationError as error:
        return error.code == "store.version-missing"
    return False


def _logins(bound: Adapters, state: StoreState) -> dict[str, bool]:
    """One login with each labelled version. Where a probe has no verdict, the version counts as
    untried; for the version that readers get, the error is raised, because it is the finding."""
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


def to_repair(here: Installation, name: str, *, login: bool) -> str:
    """What the one safe repair does, in words. Raises PolicyRefusal where there is none."""
    layout = _layout(here, name, login=login)
    if layout is None or not layout.by_plan:
        reason = "its label layout is unknown" if layout is None else _words(layout, name)
        raise PolicyRefusal(
            "doctor.no-repair", f"there is no repair of {name} that is safe to do for you", reason
        )
    return _words(layout, here.entry(name).id)
