"""What a secret's parts mean together: its identity and place, its times, and what they forbid."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from rotation.calendar import Schedule
from rotation.config import composition
from rotation.config.findings import (
    Invalid,
    Level,
    Problem,
    Where,
    collected,
    invalid,
    named,
    nearest,
)
from rotation.config.model import PolicyClass, Secret
from rotation.config.plugins import options_of
from rotation.config.times import Timing, bearable, format_duration, of_its_environment, timing_of
from rotation.options import ConnectionOptions, IssuerOptions, PluginOptions, StoreOptions
from rotation.plugins.answers import misfit, spelt
from rotation.plugins.guarded import place_of
from rotation.plugins.registry import Plugin

# The owner that `rotation init` writes where none was given.
NOBODY_YET = "nobody-yet"


@dataclass(frozen=True)
class Surroundings:
    """The context in which secrets are read."""

    connections: Mapping[str, Plugin[ConnectionOptions]]
    classes: Mapping[str, PolicyClass]
    file_roots: tuple[str, ...] = ()
    has_commands: bool = False
    # Names of connections and classes that have findings of their own.
    unreadable: frozenset[str] = frozenset()
    # Kinds of options with names of connections that are known to fit.
    fitting: set[tuple[type, str]] = field(default_factory=set, repr=False)
    # By class, longest refresh and whether the issuer can suspend; there are only a few.
    timings: "dict[tuple[str, int, bool, int], Timing]" = field(default_factory=dict, repr=False)

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The options of the connections."""
        return {name: connection.options for name, connection in self.connections.items()}


@dataclass(slots=True)
class Resolved:
    """A secret with everything that follows from its context. place: of the store's secret; turns:
    what its rotations replace at the issuer; fields: issuer field -> key in the secret; files:
    where its plugins name one that they write."""

    secret: Secret
    identity: str
    turns: tuple[str, ...]
    place: str
    files: Mapping[Where, str]
    fields: Mapping[str, str]
    policy: PolicyClass
    timing: Timing
    schedule: Schedule
    by_hand: bool


def resolve(secret: Secret, context: Surroundings) -> Resolved:
    """Raises Invalid with all errors at once."""
    plugins = tuple(plugins_of(secret))
    files = {
        (*part, key): path
        for part, plugin in plugins
        for key, path in plugin.options.files().items()
    }
    problems = [*_consumers(secret), *_started(plugins, context), *_written(files, context)]
    problems += _overlap(secret)
    place, identity, turns = collected(problems, _identified, secret, plugins, context) or (
        "",
        "",
        (),
    )
    fields = collected(problems, _fields, secret)
    problems += composition.problems(secret, fields or {})
    timed = collected(problems, _timed, secret, context)
    if problems or not place or fields is None or timed is None:
        raise Invalid(problems)
    policy, schedule, timing = timed
    by_hand = secret.destroy == "by-hand"
    if secret.destroy is None:
        by_hand = (
            secret.issuer.options.TRAITS.overlap and not secret.issuer.options.TRAITS.can_suspend
        )
    return Resolved(
        secret=secret,
        identity=identity,
        turns=turns,
        place=place,
        files=files,
        fields=fields,
        policy=policy,
        timing=timing,
        schedule=schedule,
        by_hand=by_hand,
    )


def warnings(resolved: Resolved) -> Iterator[Problem]:
    """What is allowed but should be known."""
    secret, max_age = resolved.secret, resolved.timing.max_age
    age, source = secret.issuer.options.ADVISED or (timedelta.max, "")
    if max_age > age.total_seconds():
        yield Problem(
            ("class",),
            "config.age-advised",
            f"a max age of {format_duration(max_age)}; {source} asks for at most {format_duration(int(age.total_seconds()))}",
            level=Level.WARNING,
        )
    yield from _of_people(secret, max_age)
    if resolved.by_hand and secret.destroy is None:
        yield Problem(
            ("issuer",),
            "config.by-hand",
            "its issuer cannot suspend, so a person has to approve each destruction",
            "or state `destroy: unattended`",
            Level.INFO,
        )
    if secret.issuer.options.unverified:
        yield Problem(
            ("issuer", "unverified"),
            "config.unverified",
            "nothing proves that an old value is dead; its death is only asserted",
            level=Level.INFO,
        )


def _of_people(secret: Secret, max_age: int) -> Iterator[Problem]:
    """Who uses it, who answers for it, and who allowed it to live longer."""
    if not any(consumer.role == "reader" for consumer in secret.consumers):
        yield Problem(
            ("consumers",),
            "config.no-consumers",
            "no consumer is declared, so a rotation will stop before the old one dies",
            "declare who uses it",
            Level.WARNING,
        )
    if secret.exception is not None:
        exception = secret.exception
        yield Problem(
            ("exception",),
            "config.exception",
            f"{format_duration(max_age)} by an exception of {exception.owner} until {exception.until}: {exception.reason}",
            level=Level.WARNING,
        )
    if secret.state == "paused" and secret.by is None:
        yield Problem(
            ("state",),
            "config.pause-unowned",
            f"paused until {secret.until}, and it does not say who answers for that",
            "add `by:`, a team or a person",
            Level.WARNING,
        )
    if secret.owner == NOBODY_YET:
        yield Problem(
            ("owner",),
            "config.no-owner",
            "it has no owner yet",
            "name a team or a person",
            Level.WARNING,
        )


Parts = Iterable[tuple[Where, Plugin[PluginOptions]]]


def plugins_of(secret: Secret) -> Parts:
    """Each of its plugins, with its place in the file."""
    yield ("store",), secret.store
    yield ("issuer",), secret.issuer
    if secret.probe is not None:
        yield ("probe",), secret.probe
    for n, consumer in enumerate(secret.consumers):
        yield ("consumers", n), Plugin(consumer.plugin.type, options_of(consumer))


def _connected(plugins: Parts, context: Surroundings) -> None:
    """Each part names a connection that exists and has a type that it can use."""
    problems, complete = [], True
    for part, plugin in plugins:
        name, kind = plugin.options.connection, type(plugin.options)
        if name is None or (kind, name) in context.fitting:
            continue
        connection = context.connections.get(name)
        where = (*part, "connection")
        if connection is None:
            complete = False
            if name not in context.unreadable:
                hint = nearest(name, context.connections)
                message = "no connection of that name"
                problems.append(Problem(where, "config.unknown-connection", message, hint))
        elif connection.type not in plugin.options.CONNECTIONS:
            message = f"{plugin.type} cannot use a connection of type {connection.type}"
            problems.append(Problem(where, "config.wrong-connection", message))
        else:
            context.fitting.add((kind, name))
    if problems or not complete:
        raise Invalid(problems)


def _consumers(secret: Secret) -> Iterator[Problem]:
    options = secret.issuer.options
    verified = False
    for n, consumer in enumerate(secret.consumers):
        if consumer.role == "verifier":
            verified = True
        elif not (
            options.TRAITS.reports_usage
            or consumer.confirms
            or consumer.accept_elapsed
            or consumer.gone
        ):
            yield Problem(
                ("consumers", n),
                "config.no-evidence",
                "nothing can show that this consumer moved",
                "let it confirm, or state `accept_elapsed: true` beside it",
            )
    if options.unverified is False and not verified:
        yield Problem(
            ("issuer",),
            "config.no-verifier",
            "no service is declared that accepts a new value and drops the old one",
            "declare a consumer with `role: verifier`, or say `unverified: true`",
        )
    if secret.probe is None and not options.unverified:
        yield Problem(
            (), "config.no-probe", "no `probe` is declared, so nothing would be proved", ""
        )


def _overlap(secret: Secret) -> Iterator[Problem]:
    options = secret.issuer.options
    if not options.TRAITS.overlap and options.in_place is not True:
        yield Problem(
            ("issuer", "in_place"),
            "config.in-place",
            "its new credential ends the old one before consumers have it",
            "say `in_place: true` to accept that",
        )


def _started(plugins: Parts, context: Surroundings) -> Iterator[Problem]:
    """Commands that start on this host must come from the declared directory."""
    for part, plugin in plugins:
        commands = plugin.options.commands()
        if commands and not context.has_commands:
            yield Problem(
                part,
                "config.no-commands",
                "a command, but no directory of commands is declared",
                "declare `commands:`",
            )
        for key, words in commands.items():
            if not words or "/" in words[0]:
                rule = "the bare name of a command, without a path"
                yield Problem((*part, key), "config.value", rule)


def _written(files: Mapping[Where, str], context: Surroundings) -> Iterator[Problem]:
    """Files that are written on this host must be inside the declared directories."""
    for where, path in files.items():
        if not _is_inside(path, context.file_roots):
            yield Problem(
                where,
                "config.outside-file-roots",
                "the file is in none of the declared directories",
                "declare its directory in `file_roots:`",
            )


def _is_inside(path: str, roots: tuple[str, ...]) -> bool:
    return ".." not in PurePosixPath(path).parts and any(
        path.startswith(f"{root}/") for root in roots
    )


def _identified(
    secret: Secret, plugins: Parts, context: Surroundings
) -> tuple[str, str, tuple[str, ...]]:
    _connected(plugins, context)
    return located(secret.store.options, secret.issuer, context)


def located(
    store: StoreOptions, issuer: Plugin[IssuerOptions], context: Surroundings
) -> tuple[str, str, tuple[str, ...]]:
    """The place of the secret, the identity of its credentials, and what its rotations replace
    where the identity does not say it. Two entries that share one of those would end each other's
    credentials."""
    part = "store"
    try:
        place = f"{store.home(context.options)}/{store.location}"
        part = "issuer"
        identity = issuer.options.identity(context.options)
        turns = issuer.options.turns(context.options)
    except ValueError as error:
        raise invalid("config.value", str(error), where=(part,)) from None
    except Exception as stray:  # noqa: BLE001 -- a plugin's own code; its text stays here
        raise _no_place(part, f"raise {place_of(stray)}") from None
    for what, said in ((identity, str | None), (turns, tuple[str, ...])):
        if found := misfit(what, said):
            raise _no_place(part, f"say {found} where the contract says {spelt(said)}")
    return place, f"{issuer.type}/{place}" if identity is None else identity, turns


def _no_place(part: str, what: str) -> Invalid:
    return invalid(
        "plugin.contract",
        f"its options cannot say what it is: they {what}",
        "report it to the author of the plugin; docs/adding-a-provider.md has the contract",
        where=(part,),
    )


def _fields(secret: Secret) -> Mapping[str, str]:
    options = secret.issuer.options
    made = options.fields()
    if secret.value == "whole":
        if len(made) != 1:
            raise invalid(
                "config.value", f"it makes several fields: {', '.join(made)}", where=("value",)
            )
        return {made[0]: ""}
    if secret.fields is None:
        return {name: name for name in made}
    problems = [
        Problem(
            ("fields", name),
            "config.unknown-field",
            f"`{named(name)}` is no field of {secret.issuer.type}",
            nearest(name, made),
        )
        for name in secret.fields
        if name not in made
    ]
    problems += [
        Problem(("fields",), "config.missing", f"`{name}` is missing")
        for name in made
        if name not in secret.fields
    ]
    if len(set(secret.fields.values())) < len(secret.fields) or "" in secret.fields.values():
        problems.append(Problem(("fields",), "config.value", "each needs a key of its own"))
    if problems:
        raise Invalid(problems)
    return secret.fields


def _timed(secret: Secret, context: Surroundings) -> tuple[PolicyClass, Schedule, Timing]:
    policy = context.classes.get(secret.class_)
    if policy is None:
        if secret.class_ in context.unreadable:
            raise Invalid([])
        hint = nearest(secret.class_, context.classes)
        raise invalid("config.unknown-class", "no policy class of that name", hint, ("class",))
    longest, baking = 0, sum(consumer.bake_s for consumer in secret.consumers)
    for consumer in secret.consumers:
        if consumer.refresh_s > longest and consumer.role == "reader" and not consumer.gone:
            longest = consumer.refresh_s
    of_its_environment(secret, policy)
    key = (secret.class_, longest, secret.issuer.options.TRAITS.can_suspend, baking)
    timing = context.timings.get(key)
    if timing is None:
        timing = context.timings[key] = timing_of(policy, longest, key[2], baking)
    own = secret.schedule
    schedule = policy.schedule if own is None else own.over(policy.schedule)
    if schedule.every_s is not None and schedule.every_s > timing.period:
        raise invalid(
            "config.every",
            f"every {format_duration(schedule.every_s)} is longer than the period: {timing}",
            where=("schedule", "every") if own and own.every_s else ("class",),
        )
    if schedule.jitter_s and schedule.jitter_s > timing.margin:
        spread, margin = format_duration(schedule.jitter_s), format_duration(timing.margin)
        raise invalid(
            "config.jitter",
            f"a jitter of {spread} exceeds the margin of {margin}",
            where=("schedule", "jitter") if own and own.jitter_s else ("class",),
        )
    bearable(secret, schedule, timing)
    return policy, schedule, timing
