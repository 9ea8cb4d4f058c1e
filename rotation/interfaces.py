"""What a provider implements: the whole contract with the outside world on one page.

Protocols, not base classes. Every method may be called again with the same arguments and then makes
the same thing true; it raises only `rotation.errors`, within 20 s. Built as `Plugin(options, context)`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from rotation.types import (
    Credential,
    Fields,
    LastUsed,
    Listing,
    PermissionSet,
    SecretValue,
    StoreState,
    Traits,
    Verdict,
)

# The version of this page; raised only when a provider must change.
CONTRACT = 1


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...


class Verifier(Protocol):
    """A service that must accept a generated value before anybody uses it."""

    def accept(self, handle_id: str, value: SecretValue) -> None:
        """The service accepts `value`, beside those that it accepts already."""

    def drop(self, handle_id: str, value: SecretValue | None) -> None:
        """The service refuses the value known as `handle_id`; a value unknown to it = success."""


@dataclass(frozen=True, kw_only=True)
class PluginContext:
    """What a plugin may know of its surroundings."""

    installation: str
    clock: Clock
    connections: Mapping[str, Any] = field(default_factory=dict)
    file_roots: tuple[Path, ...] = ()
    command_directory: Path | None = None
    # issuer field -> key in the secret; the one entry {x: ""}: the whole secret is that value
    fields: Mapping[str, str] = field(default_factory=dict)
    composed: Mapping[str, str] = field(default_factory=dict)  # key in the secret -> its template
    public: frozenset[str] = frozenset()  # the issuer fields that are not secret
    keep_foreign: bool = True
    stream: str = ""  # the identity's name in paths: `<issuer>-<20 hex>`
    verifiers: tuple[Verifier, ...] = ()  # of this secret
    waits: timedelta = timedelta()  # how long a rotation of it waits by itself, at most


class Issuer(Protocol):
    """Makes and unmakes the credentials of one identity at one service."""

    @property
    def traits(self) -> Traits: ...

    def listing(self) -> Listing:
        """Every live instance. Where `traits.lists` is false: empty."""
        ...

    def issue(self, attempt: str) -> Credential:
        """Assigned: mints one. The request is sent exactly once; a lost answer is Ambiguous, never
        repeated. Chosen: makes the bytes; nothing happens at the service, and the handle is a
        function of `attempt`."""
        ...

    def activate(self, new: Credential) -> None:
        """Chosen values: the service accepts it from now on; without overlap it refuses every older
        one. Assigned: does nothing."""
        ...

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        """Switches it off, reversibly. An instance that is gone = Conflict."""
        ...

    def resume(self, handle_id: str) -> None: ...

    def destroy(
        self, handle_id: str, fields: Fields | None = None, *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:  # fmt: skip
        """Destroys it for good; an instance that is gone = success. `fields`: its bytes, where they
        can be read."""

    def usage(self, handle_id: str) -> LastUsed:
        """Called only where `traits.reports_usage`. An instance that is gone has no report."""
        ...

    def handle_of(self, fields: Fields, version: str) -> str:
        """The id of the instance whose stored value this is (for `adopt`)."""
        ...


class EndsSessions(Protocol):
    """An issuer with `overlap=False` whose sessions outlive the bytes that opened them."""

    def end_sessions(self, handle_id: str) -> None:
        """In an emergency, under *contain*: ends the sessions that were opened before this
        instance, which is the one in force, and perhaps some that it opened since. No session =
        success."""


class Cautions(Protocol):
    """An issuer that can see how its service is set up."""

    def cautions(self) -> Sequence[tuple[str, str, str]]:
        """Code, sentence and next step of what works today and would go wrong in an emergency."""


class WritesOverLost(Protocol):
    """A store whose current version can lose its value (`StoreState.lost`)."""

    def promote_over_lost(self, to: str, *, expecting: str) -> None:
        """Like `Store.promote`, for a current version without value; one with a value = Conflict."""


class DelegatedIssuer(Issuer, Protocol):
    """A service that keeps the only credential of an identity itself and replaces it when asked
    (Vault's static roles). Traits: assigned, `overlap=False`, `lists=True`.

    A handle stands for one replacement, so two listings show whether one happened. `issue` requests
    one, sent exactly once, and returns what is there afterwards. `destroy` of a replaced handle =
    success.
    """

    def read_back(self) -> Credential:
        """What the service has now. A handle that was not listed before settles a lost answer of
        `issue`. A service that cannot say when it last replaced the credential = NeedsPerson."""


class Store(Protocol):
    """Keeps the versions of one secret and knows which one consumers read."""

    def state(self) -> StoreState:
        """One fresh read of pointers, claim and replicas. Missing secret = NeedsPerson."""
        ...

    def stage(self, attempt: str, new: Credential, *, onto: str | None) -> str:
        """Puts the value into the pending slot under this attempt's mark; what readers get is
        unchanged. All other fields are copied from version `onto`, byte for byte. Returns the
        version. The same token with other bytes = Conflict."""
        ...

    def read(self, version: str, *, under: PermissionSet, region: str | None = None) -> Fields:
        """The owned fields of exactly that version, and what is composed of them. `under` is
        verify, deliver or prove; `region` reads a replica. A version that is not there (yet) =
        Transient."""
        ...

    def place(self, attempt: str) -> str:
        """Gives an empty secret a marked placeholder; returns the version. Not empty = Conflict."""
        ...

    def promote(self, to: str, *, expecting: str) -> None:
        """Compare-and-set: readers get `to`. Already so = success; another current = Conflict."""
        ...

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        """That label no longer names that version. A label that is not there = success."""
        ...

    def mark_compromised(self, version: str) -> None: ...

    def claim(self, installation: str) -> None:
        """The store says that this installation owns the secret (permission set claim)."""
        ...


class KeepsOthers(Protocol):
    """A store that keeps keys of others in the same secret as the credential's fields."""

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> Collection[str]:
        """Foreign keys of that version that hold its bytes or its instance's name. A composed key
        that differs from its template = NeedsPerson."""

    def lacking(self, version: str, *, under: PermissionSet) -> Collection[str]:
        """The parts of composed keys that no field and no key of that version supplies."""
        ...


class RehearsesStaging(Protocol):
    """A store that can be asked whether it would accept a staged value, before anything is made."""

    def rehearse(self, attempt: str) -> None:
        """Raises what `stage` would raise. No reader gets what it writes."""


class Probe(Protocol):
    """Logs in for real and leaves nothing behind."""

    def login(self, fields: Fields) -> Verdict: ...

    def wrong(self, fields: Fields) -> Verdict:
        """The negative control: the same login with a secret that cannot be right."""


class NamesLogins(Protocol):
    """A probe whose service knows a login by another name."""

    def login_name(self, fields: Fields) -> str | None:
        """Like `Handle.login`, as the service that accepts the login names it; None: refused."""


class Consumer(Protocol):
    """An application or a service that uses the secret."""

    def deliver(self, version: str, fields: Fields) -> None:
        """The consumer has that version, and runs on it if it `confirms`. An error with `void` left
        it as it was."""


class Rehearses(Protocol):
    """A consumer that can tell beforehand whether a delivery would reach it."""

    def rehearse(self) -> None:
        """Raises the reason why a delivery would be refused; changes nothing."""


@dataclass(frozen=True, kw_only=True)
class OwnCredential:
    """What a connection itself logs in with; never a secret. None: the service does not say."""

    kind: str  # in the provider's words
    id: str | None = None  # its public name
    created: datetime | None = None
    expires: datetime | None = None
    accepted: bool | None = True  # whether the service accepted it; None: it cannot be asked


class Connection(Protocol):
    """One service and the runner's login there, shared by the adapters that use it. In its options,
    `LOGIN` names the fields of the login and `owner` the team that answers for it."""

    def own_credential(self) -> OwnCredential:
        """Logs in. Raises LoginRefused only where the service does not accept the login: then an
        old one is dead."""

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The adapters of one specification, ready to be called."""

    issuer: Issuer
    store: Store
    probe: Probe | None  # None where nothing can log in: `unverified: true`
    consumers: Mapping[str, Consumer]  # by id


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A plugin of one secret, as policies see it."""

    secret: str
    identity: str
    stream: str
    application: str
    environment: str
    kind: str
    type: str
    options: Any
    was: str | None = None  # the secret's former name


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A grant of the family that a part needs under one permission set."""

    under: PermissionSet
    part: Part
    grant: Any


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Everything that one connection has to allow."""

    installation: str
    connection: str
    options: Any
    parts: tuple[Part, ...]
    needs: tuple[Need, ...]
    known: Mapping[str, str] = field(default_factory=dict)  # name in rotation.yaml -> exact name

    def called(self, *what: str) -> str:
        """The name of a resource made for it. Other installations share the place, so theirs is
        part of it."""
        return "-".join((self.options.name_prefix, self.installation, *what))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """One document in its family's language. A holder may have several."""

    name: str
    holder: str  # the permission set, or who else gets it
    text: str
    remark: str = ""  # why it has this form


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that a permission set makes to a service for a secret, in its family's own words."""

    under: PermissionSet
    secret: str
    call: str
    on: str


class Preflight(Protocol):
    """Entry points `rotation.preflights`, by the type of the connection."""

    def __call__(
        self, scope: Scope, connection: Any, sets: Collection[PermissionSet]
    ) -> Iterator[Call]:
        """The calls that the service would refuse, of the sets that have a role of their own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFound:
    """An alarm as the service has it."""

    name: str
    region: str
    wrong: tuple[str, ...]  # why it would reach nobody
    listeners: int  # how many it would reach
    drill: str  # how to provoke it
    drilled: bool = False  # it was provoked just now
    leads_on: str = ""  # what fixes it, where applying the stack does not


class AlarmCheck(Protocol):
    """Entry points `rotation.watches`, by the type of the connection."""

    def __call__(self, scope: Scope, connection: Any, *, drill: bool) -> Iterator[AlarmFound]:
        """Looks for the alarms that the stack declares, with an operator's own credentials. `drill`
        provokes those that are harmless. Yields nothing where no stack made roles."""


class Renderer(Protocol):
    """Entry points `rotation.renderers`, by the type of the connection."""

    def grants(self) -> Mapping[str, Mapping[PermissionSet, Sequence[Any]]]:
        """By the type of the plugin. Each grant has a `when`: `always`, or what a secret must have
        for it."""
        ...

    def documents(self, scope: Scope) -> Sequence[PolicyDocument]: ...
    def calls(self, scope: Scope) -> Iterator[Call]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSnapshot:
    """What a doctor for a kind of store sees of a secret; entry points `rotation.doctors`.
    open_version: the version that an open rotation of ours staged. logs_in: version -> whether its
    login works, for those that were tried. valueless: labelled versions that were read and have no
    value."""

    state: StoreState
    installation: str
    open_version: str | None = None
    logs_in: Mapping[str, bool] = field(default_factory=dict)
    valueless: frozenset[str] = frozenset()

    def works(self, label: str) -> bool | None:
        """None where it was not tried."""
        version = self.state.labels.get(label)
        return None if version is None else self.logs_in.get(version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a doctor finds. by_plan: REPAIR can fix it; by_rollback: so can a rollback of the open
    rotation; else an operator does, by `repair` (NAME: the secret). down: readers get what does not
    log in."""

    name: str
    meaning: str
    repair: str
    by_plan: bool = False
    by_rollback: bool = False
    down: bool = False
