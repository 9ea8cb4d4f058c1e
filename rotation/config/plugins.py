"""Plugins inside a configuration: `{type: NAME, ...its own options}`."""

from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any

from rotation.config.contract import broken, broken_words
from rotation.config.findings import Invalid, Problem, collected, invalid
from rotation.config.reading import As, Shape, expected, reader, remembering, shape
from rotation.errors import RotationError, UsageError
from rotation.options import ConsumerOptions
from rotation.plugins.broken import reporting_broken
from rotation.plugins.guarded import place_of
from rotation.plugins.registry import Plugin, installed
from rotation.plugins.trust import Trust, Trusted
from rotation.types import ConsumerSpec, require

BAKE_S_MAX = 7 * 86_400


@dataclass(frozen=True, kw_only=True)
class Head:
    """What every consumer has, whatever its type."""

    id: str = field(metadata={"doc": "its name, once in this secret"})
    accept_elapsed: bool = field(
        default=False,
        metadata={"doc": "time alone is evidence: it has moved once it had the time to"},
    )
    gone: bool = field(default=False, metadata={"doc": "it no longer uses the secret"})
    wave: int = field(
        default=1,
        metadata={"doc": "1 to 9: it is given the new credential once the waves before have moved"},
    )
    bake_s: int = field(
        default=0,
        metadata={"doc": "how long it has to run on the new one before the next wave begins"},
    )

    def __post_init__(self) -> None:
        require(0 < self.wave < 10, "wave: 1 to 9")
        require(0 <= self.bake_s <= BAKE_S_MAX, "bake: at most 7d")


def trusted_by(raw: Any) -> Trust:
    """What a configuration trusts, known before anything else of it is read: reading a plugin's
    options runs its package. What is wrong with it is reported with the rest."""
    given = raw.get("plugins") if type(raw) is dict else None
    read = (
        collected([], shape(Trusted).read, each) for each in (given if type(given) is list else ())
    )
    return Trust(each for each in read if each is not None)


def read_plugin(kind: str, raw: Any) -> Plugin[Any]:
    if type(raw) is not dict:
        raise expected("a mapping with a `type`", raw)
    options = raw.copy()
    name = options.pop("type", None)
    if type(name) is not str:
        raise invalid("config.missing", "`type` is missing: the name of a plugin")
    return Plugin(name, _read(kind, name, options))


# The classes of options whose members were asked once: asking all of them takes too long for each
# of many secrets.
_asked: set[type] = set()


def _read(kind: str, name: str, raw: Any) -> Any:
    read = options_shape(kind, name).read
    try:
        options = read(raw)
    except (Invalid, RotationError):
        raise
    except Exception as stray:  # noqa: BLE001 -- its text stays here
        raise invalid(
            "plugin.contract",
            f"the options of `{name}` break the contract of {kind}: they raise {place_of(stray)}",
            "report it to the author of the plugin; docs/adding-a-provider.md has the contract",
            where=("type",),
        ) from None
    if type(options) not in _asked:
        if found := tuple(broken_words(kind, name, options)):
            raise Invalid(found)
        _asked.add(type(options))
    return options


def a(kind: str, *, repeats: bool = False) -> As:
    """Annotates a field that names a plugin of that kind. repeats: many secrets have the same
    value."""
    read = partial(read_plugin, kind)
    return As(remembering(read) if repeats else read, like=kind)


def read_consumer(raw: Any) -> ConsumerSpec:
    """A consumer's own keys and its plugin's options stand side by side."""
    if type(raw) is not dict:
        raise expected("a mapping", raw)
    options = dict(raw)
    own = {key: options.pop(key) for key in shape(Head).members if key in options}
    problems: list[Problem] = []
    head = collected(problems, shape(Head).read, own)
    plugin = collected(problems, read_plugin, "consumers", options)
    if head is None or plugin is None:
        raise Invalid(problems)
    return _specification(head, plugin)


def _specification(head: Head, plugin: Plugin[ConsumerOptions]) -> ConsumerSpec:
    options = plugin.options
    if (head.wave > 1 or head.bake_s) and not (options.PUSHED and options.CONFIRMS):
        raise invalid(
            "config.wave",
            "a wave waits for consumers that confirm what they were given",
            "say `confirms: true` where it does, or leave out `wave` and `bake`: what reads the "
            "store by itself moves when it reads",
        )
    return ConsumerSpec(
        id=head.id,
        plugin=plugin.specification(),
        pushed=options.PUSHED,
        confirms=options.CONFIRMS,
        refresh_s=options.refresh_s,
        accept_elapsed=head.accept_elapsed,
        role=options.role,
        gone=head.gone,
        wave=head.wave,
        bake_s=head.bake_s,
    )


def options_of(consumer: ConsumerSpec) -> ConsumerOptions:
    """The consumer's options, as they were read."""
    options: ConsumerOptions = installed().read_back("consumers", consumer.plugin)
    return options


Listed = tuple[Annotated[ConsumerSpec, As(read_consumer, like="consumers")], ...]
_read_list = reader(Listed)


def read_consumers(raw: Any) -> tuple[ConsumerSpec, ...]:
    """All of a secret's consumers."""
    consumers: tuple[ConsumerSpec, ...] = _read_list(raw)
    names = [consumer.id for consumer in consumers]
    twice = [n for n, name in enumerate(names) if name in names[:n]]
    if twice:
        raise Invalid(
            Problem((n, "id"), "config.duplicate-id", "this consumer is there twice") for n in twice
        )
    return consumers


def options_shape(kind: str, name: str) -> Shape[Any]:
    """How the options of that plugin are read."""
    try:
        installed().check(kind, name)  # each time: the next configuration may trust it no more
    except UsageError as error:
        raise invalid(error.code, error.message, error.hint, where=("type",)) from None
    return _options_shape(kind, name)


@cache
def _options_shape(kind: str, name: str) -> Shape[Any]:
    plugins = installed()
    try:
        with reporting_broken(plugins.point_of_options(kind, name)):
            breaches = _breaches(kind, name)
            read = None if breaches else shape(plugins.options(kind, name))
    except UsageError as error:
        raise invalid(error.code, error.message, error.hint, where=("type",)) from None
    if read is None:
        raise Invalid(breaches)
    return read


@cache
def _breaches(kind: str, name: str) -> tuple[Problem, ...]:
    beside = shape(Head).members if kind == "consumers" else ()
    return tuple(broken(kind, name, installed().options(kind, name), beside))
