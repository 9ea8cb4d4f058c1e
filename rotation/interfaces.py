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

CONTRACT = 1
"""The version of this page; raised only when a provider must change."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...


class Verifier(Protocol):
    """A service that must accept a generated value before anybody uses it."""

    def accept(self, handle_id: str, value: SecretValue) -> None:
        """The service accepts `value`, beside the ones that it accepts already."""

    def drop(self, handle_id: str, value: SecretValue | None) -> None:
        """The service refuses the value known as `handle_id`; unknown to it is success."""


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
        """Assigned: mint one, sent exactly once; a lost answer is Ambiguous, never repeated.
        Chosen: make the bytes. Nothing happens at the service; the handle is a function of
        `attempt`."""
        ...

    def activate(self, new: Credential) -> None:
        """Chosen values: the service accepts it from now on; without overlap it refuses every
        older one from then on. Assigned: nothing to do."""
        ...

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        """Off, reversibly. Gone already = Conflict."""
        ...

    def resume(self, handle_id: str) -> None: ...

    def destroy(
        self, handle_id: str, fields: Fields | None = None, *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:  # fmt: skip
        """Gone for good; gone already = success. `fields`: its bytes, where they can be read."""

    def usage(self, handle_id: str) -> LastUsed:
        """Only where `traits.reports_usage`. An instance that is gone has no report."""
        ...

    def handle_of(self, fields: Fields, version: str) -> str:
        """The id of the instance whose stored value this is (for `adopt`)."""
        ...


class EndsSessions(Protocol):
    """Also of an issuer with `overlap=False` whose sessions outlive the bytes that opened them."""

    def end_sessions(self, handle_id: str) -> None:
        """In an emergency, under *contain*: those that were open before this instance, the one in
        force, are over, and perhaps some that it opened since. None of them = success."""


class Cautions(Protocol):
    """Also of an issuer that can see how its service is set up."""

    def cautions(self) -> Sequence[tuple[str, str, str]]:
        """Code, sentence and next step of what works today and would go badly in an emergency."""


class WritesOverLost(Protocol):
    """Also of a store whose current version can lose its value (`StoreState.lost`)."""

    def promote_over_lost(self, to: str, *, expecting: str) -> None:
        """As `Store.promote`, where what is current has no value; one that has = Conflict."""


class DelegatedIssuer(Issuer, Protocol):
    """A service that keeps the one credential of an identity itself and replaces it when asked
    (Vault's static roles). Traits: assigned, `overlap=False`, `lists=True`.

    A handle stands for one replacement, so that two listings tell whether one happened. `issue`
    asks for one, sent exactly once, and returns what is there afterwards. `destroy` of a handle
    that was replaced is success.
    """

    def read_back(self) -> Credential:
        """What the service has now; a handle that was not listed before settles a lost answer of
        `issue`. A service that cannot say when it last replaced the credential = NeedsPerson."""


class Store(Protocol):
    """Keeps the versions of one secret and knows which one consumers read."""

    def state(self) -> StoreState:
        """One fresh read of pointers, claim and replicas. Missing secret = NeedsPerson."""
        ...

    def stage(self, attempt: str, new: Credential, *, onto: str | None) -> str:
        """The value is in the pending slot under this attempt's mark; what readers get is
        unchanged. All other fields are copied from version `onto`, byte for byte. Returns the
        version. The same token with other bytes = Conflict."""
        ...

    def read(self, version: str, *, under: PermissionSet, region: str | None = None) -> Fields:
        """The owned fields of exactly that version, and what is composed of them. `under` is verify, deliver or prove; `region` reads a replica. Not there (yet) = Transient."""
        ...

    def place(self, attempt: str) -> str:
        """An empty secret gets a marked placeholder; returns the version. Not empty = Conflict."""
        ...

    def promote(self, to: str, *, expecting: str) -> None:
        """Compare-and-set: readers get `to`. Already so = success; another current = Conflict."""
        ...

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        """That label no longer names that version; not there = success."""
        ...

    def mark_compromised(self, version: str) -> None: ...

    def claim(self, installation: str) -> None:
        """The store says that this installation owns the secret (permission set claim)."""
        ...


class KeepsOthers(Protocol):
    """A store that keeps keys of others in the same secret as the credential's fields."""

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> Collection[str]:
        """Foreign keys of that version that nevertheless hold its bytes, or its instance's name.
        A composed key that differs from its template = NeedsPerson."""

    def lacking(self, version: str, *, under: PermissionSet) -> Collection[str]:
        """The parts of composed keys that no field and no key of that version supplies."""
        ...


class RehearsesStaging(Protocol):
    """A store that can be asked whether it would take a staged value, while nothing is made yet."""

    def rehearse(self, attempt: str) -> None:
        """Raises what `stage` would; nobody reads what it writes."""


class Probe(Protocol):
    """Logs in for real and leaves nothing behind."""

    def login(self, fields: Fields) -> Verdict: ...

    def wrong(self, fields: Fields) -> Verdict:
        """The negative control: the same login with a secret that cannot be right."""


class NamesLogins(Protocol):
    """Also of a probe whose service knows a login by a name of its own."""

    def login_name(self, fields: Fields) -> str | None:
        """As `Handle.login`, by the word of the service that took it; None where it refused."""


class Consumer(Protocol):
    """An application or a service that uses the secret."""

    def deliver(self, version: str, fields: Fields) -> None:
        """It has that version, and runs on it if it `confirms`. `void`: left as it was."""


class Rehearses(Protocol):
    """Also of a consumer that can be asked beforehand whether a delivery would reach it."""

    def rehearse(self) -> None:
        """Raises what a delivery would be refused for; nothing is changed for anybody."""


@dataclass(frozen=True, kw_only=True)
class OwnCredential:
    """What a connection itself logs in with; never a secret. None: the service does not say."""

    kind: str  # in the provider's words
    id: str | None = None  # its public name
    created: datetime | None = None
    expires: datetime | None = None
    accepted: bool | None = True  # the service took it; None where it cannot be asked


class Connection(Protocol):
    """One service and the runner's login there, shared by the adapters that use it. In its options,
    `LOGIN` names the fields of the login and `owner` the team that answers for it."""

    def own_credential(self) -> OwnCredential:
        """Logs in. LoginRefused only where the service does not take it: an old one is dead then."""

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
    """One of its family's grants that a part needs under one permission set."""

    under: PermissionSet
    part: Part
    grant: Any


@dataclass(frozen=True, kw_only=True)
class Scope:
    """All that one connection has to allow."""

    installation: str
    connection: str
    options: Any
    parts: tuple[Part, ...]
    needs: tuple[Need, ...]
    known: Mapping[str, str] = field(default_factory=dict)  # name in rotation.yaml -> exact name

    def called(self, *what: str) -> str:
        """The name of what is made for it. Others share the place, with installations of their own."""
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
    """What a permission set asks of a service for a secret, in its family's own words."""

    under: PermissionSet
    secret: str
    call: str
    on: str


class Preflight(Protocol):
    """Entry points `rotation.preflights`, by the type of the connection."""

    def __call__(
        self, scope: Scope, connection: Any, sets: Collection[PermissionSet]
    ) -> Iterator[Call]:
        """What it would refuse. A set without a role of its own is not asked about."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFound:
    """An alarm as it was found at the service."""

    name: str
    region: str
    wrong: tuple[str, ...]  # why it would reach nobody
    listeners: int  # how many it would reach
    drill: str  # how to provoke it
    drilled: bool = False  # it was provoked just now
    leads_on: str = ""  # what else than to apply the stack mends it


class AlarmCheck(Protocol):
    """Entry points `rotation.watches`, by the type of the connection."""

    def __call__(self, scope: Scope, connection: Any, *, drill: bool) -> Iterator[AlarmFound]:
        """Looks at what the stack declares, with an operator's own credentials. `drill` provokes
        what does no harm. Yields nothing where no stack made roles."""


class Renderer(Protocol):
    """Entry points `rotation.renderers`, by the type of the connection."""

    def grants(self) -> Mapping[str, Mapping[PermissionSet, Sequence[Any]]]:
        """By the type of the plugin. Each has a `when`: `always`, or what a secret must have for
        the grant to be needed."""
        ...

    def documents(self, scope: Scope) -> Sequence[PolicyDocument]: ...
    def calls(self, scope: Scope) -> Iterator[Call]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSnapshot:
    """What a doctor of a kind of store is shown of a secret; entry points `rotation.doctors`.
    open_version: what an open rotation of ours staged. logs_in: version -> whether its login works,
    of those that were tried. valueless: labelled versions that were read and have no value."""

    state: StoreState
    installation: str
    open_version: str | None = None
    logs_in: Mapping[str, bool] = field(default_factory=dict)
    valueless: frozenset[str] = frozenset()

    def works(self, label: str) -> bool | None:
        """None: nobody tried."""
        version = self.state.labels.get(label)
        return None if version is None else self.logs_in.get(version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a doctor finds. by_plan: REPAIR can do it; by_rollback: or the way back of what is open;
    else a person, by `repair` (NAME: the secret). down: readers get what does not log in."""

    name: str
    meaning: str
    repair: str
    by_plan: bool = False
    by_rollback: bool = False
    down: bool = False
