"""Login roles: a new one for each rotation, two that take turns, or one whose password is replaced.

The password is made here and staged first; the server gets only a SCRAM verifier of it. Functions
that an administrator installed (setup.sql) do everything, and check an allow-list.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from providers.postgres import doctor
from providers.postgres.errors import (
    GONE,
    NO_SUCH_ROLE,
    WRONG_LOGIN,
    Meanings,
    differs,
    gone,
    left_behind,
    not_of_the_group,
    owns_objects,
    password_refused,
    password_refused_in_place,
    role_ends,
    translated,
)
from providers.postgres.options import login_name
from providers.postgres.session import UNTIL
from rotation.errors import Denied, NotYet, Permanent, Transient, first_change
from rotation.types import (
    Credential,
    Fields,
    Handle,
    KeyState,
    LastUsed,
    Listing,
    PermissionSet,
    Renamed,
    SecretValue,
    Traits,
    mark,
)

if TYPE_CHECKING:
    from providers.postgres.connection import PostgresConnection
    from providers.postgres.options import LoginOptions
    from providers.postgres.session import Row, Session
    from rotation.interfaces import PluginContext

PASSWORD_BYTES = 32
# A role must live so much longer than a rotation: an operator who learns of its end needs time to
# move it.
SHORTEST_LIFE = timedelta(days=1)

# The pause before sessions that are in the way are counted again.
LOOK_AGAIN = timedelta(seconds=60)

DIFFERENCES = "select login, difference from rotation.differences($1, $2)"

# What password checks raise: passwordcheck the first, others the code of a wrong login.
POLICY = ("22023", *WRONG_LOGIN)


@dataclass(frozen=True, slots=True)
class Login:
    """A role and, where it outlives its credential, the attempt that its password is from."""

    role: str
    attempt: str = ""

    def __str__(self) -> str:
        return f"{self.role}#{self.attempt}" if self.attempt else self.role


class LoginIssuer:
    def __init__(self, options: LoginOptions, context: PluginContext) -> None:
        self._connection: PostgresConnection = context.connections[options.connection]
        self._options = options
        self._context = context
        self.identity = options.identity({options.connection: self._connection.options})
        self._examined = False

    @property
    def traits(self) -> Traits:
        return self._options.TRAITS

    def listing(self) -> Listing:
        with self._connection.session(PermissionSet.OBSERVE, self._target) as (session, at):
            if not self._examined:
                doctor.examine(session, self._options)
                self._examined = True
            with self._translated("instances"):
                rows = session.ask(
                    "select login, mark, attempt, active, created, expires "
                    "from rotation.instances($1) order by login",
                    self._target,
                )
        return Listing(handles=tuple(map(self._handle, rows)), server_at=at)

    def issue(self, attempt: str) -> Credential:
        """Makes other bytes at each call: those that the store keeps under this attempt count.
        Where a role outlives its credentials, an earlier attempt can no longer change anything."""
        login, expires = self._begin(attempt)
        password = SecretValue(secrets.token_urlsafe(PASSWORD_BYTES))
        public = {} if self._options.user else {"username": login.role}
        return Credential(
            handle=Handle(id=str(login), created=self._context.clock.now(), expires=expires),
            fields=Fields(public=public, secret={"password": password}),
        )

    def activate(self, new: Credential) -> None:
        login = self._login(new.handle.id)
        password = new.fields.secret["password"].reveal()
        with self._connection.session(PermissionSet.MINT, login.role) as (session, at):
            refusal = password_refused if self.traits.overlap else password_refused_in_place
            with self._translated("activate", login.role, dict.fromkeys(POLICY, refusal)):
                if self._options.group is None:
                    self._end(session, login.role, at)
                verifier = session.verifier(password, login.role)
                session.ask(
                    "select rotation.activate($1, $2, $3, $4)",
                    self._target, login.role, login.attempt or login.role.rpartition("_")[2],
                    verifier,
                )  # fmt: skip
            self._check_as_good(session, login.role)

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        self._check_can_suspend()
        login = self._login(handle_id)
        if under is PermissionSet.CONTAIN:
            self._contain("suspend", login)
        else:
            self._quietly("suspend", login)

    @first_change(Permanent)
    def resume(self, handle_id: str) -> None:
        self._check_can_suspend()
        self._call("resume", PermissionSet.REVOKE, self._login(handle_id))

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        login = self._login(handle_id)
        if under is PermissionSet.CONTAIN and not self.traits.can_suspend:
            self._contain("destroy", login)
        else:
            self._quietly("destroy", login)

    def usage(self, handle_id: str) -> LastUsed:
        raise Permanent("issuer.no-usage", "PostgreSQL does not tell who logged in when")

    def handle_of(self, fields: Fields, version: str) -> str:
        """Where a role outlives its credentials, the server says from which attempt its password
        is."""
        role = self._options.user or fields.public["username"]
        if self._options.mode == "unique":
            if role not in self.listing().ids:
                self._check_is_login(role)
            return role
        carried = (self._login(handle_id) for handle_id in self.listing().ids)
        return next((str(login) for login in carried if login.role == role), role)

    def _check_is_login(self, role: str) -> None:
        """Reports a role that exists but is not listed: it is not gone."""
        with (
            self._connection.session(PermissionSet.OBSERVE, role) as (session, _),
            self._translated("look for", role),
        ):
            found = session.ask("select from pg_catalog.pg_roles where rolname = $1", role)
        if found:
            raise not_of_the_group(role, self._target)

    @property
    def _target(self) -> str:
        return self._options.target

    def _login(self, handle_id: str) -> Login:
        if self._options.mode == "unique":
            return Login(handle_id)
        role, _, attempt = handle_id.partition("#")
        return Login(role, attempt)

    def _check_can_suspend(self) -> None:
        if not self.traits.can_suspend:
            raise Permanent(
                "issuer.cannot-suspend",
                "a password that is replaced in place cannot be switched off",
            )

    def _begin(self, attempt: str) -> tuple[Login, datetime | None]:
        with self._connection.session(PermissionSet.MINT, self._target) as (session, at):
            if self._options.group is not None:
                with self._translated("gather"):
                    session.ask("select rotation.gather($1)", self._target)
                self._check_as_good(session, role := f"{self._options.group}_{attempt}")
                return Login(role), None
            with self._translated("begin"):
                [[begun]] = session.ask("select rotation.begin($1, $2)", self._target, attempt)
            login = Login(str(begun), attempt)
            with self._translated("see the end of", login.role):
                expires = self._end(session, login.role, at)
            self._check_as_good(session, login.role)
        return login, expires

    def _check_as_good(self, session: Session, role: str) -> None:
        with self._translated("differences", role):
            rows = session.ask(DIFFERENCES, self._target, role)
        if rows:
            before = sorted({str(login) for login, _ in rows})
            raise differs(role, before, [str(difference) for _, difference in rows])

    def _check_left_behind(self, session: Session, role: str) -> None:
        """Raises if objects are left after everything that can be handed over was."""
        missing: Meanings = {NO_SUCH_ROLE: lambda: gone(role)}
        if self._options.group is not None:
            with self._translated("hand_over", role, missing):
                session.ask("select rotation.hand_over($1, $2)", self._target, role)
        with self._translated("left_behind", role, missing):
            rows = session.ask("select rotation.left_behind($1, $2)", self._target, role)
        if rows:
            raise left_behind(role, [str(row[0]) for row in rows])

    def _end(self, session: Session, role: str, at: datetime) -> datetime | None:
        """VALID UNTIL is set by a person and never moved. So no password is made that would end
        with its role before it could be replaced."""
        expires = next((_time(row[0]) for row in session.ask(UNTIL, role)), None)
        if expires is not None and expires <= at + self._context.waits + SHORTEST_LIFE:
            raise role_ends(role, expires, at)
        return expires

    def _handle(self, row: Row) -> Handle:
        role, comment, attempt, active, created, expires = row
        carried = attempt or ""
        owner = f"rotation:owner={self._context.installation} "
        return Handle(
            id=str(Login(str(role), "" if self._options.mode == "unique" else carried)),
            created=_time(created),
            state=KeyState.ACTIVE if active == "t" else KeyState.SUSPENDED,
            expires=_time(expires),
            mark=mark(self._context.installation, carried)
            if carried and str(comment).startswith(owner)
            else None,
            login=login_name(self._connection.options.system_identifier, str(role)),
            renamed=self._renamed(str(role), carried),
        )

    def _renamed(self, role: str, attempt: str) -> Renamed | None:
        """A group's login is named after its mark; other roles are listed by name."""
        was = f"{self._options.group}_{attempt}"
        if self._options.group is None or not attempt or role == was:
            return None
        return Renamed(was, f'ALTER ROLE "{role}" RENAME TO "{was}"')

    def _call(self, function: str, under: PermissionSet, login: Login, *force: str) -> str | None:
        with self._connection.session(under, login.role) as (session, _):
            return self._called(session, function, login, *force)

    def _called(self, session: Session, function: str, login: Login, *force: str) -> str | None:
        arguments = (self._target, login.role, login.attempt, *force)
        places = ", ".join(f"${n}" for n in range(1, len(arguments) + 1))
        meanings: Meanings = {
            "2BP01": lambda: owns_objects(login.role),
            **dict.fromkeys((GONE, NO_SUCH_ROLE), lambda: gone(str(login))),
        }
        with self._translated(function, login.role, meanings):
            return session.ask(f"select rotation.{function}({places})", *arguments)[0][0]

    @first_change(Permanent)
    def _quietly(self, function: str, login: Login) -> None:
        """Ends no session: it refuses where live sessions would keep what the login is switched off
        for."""
        with self._connection.session(PermissionSet.REVOKE, login.role) as (session, _):
            if function == "suspend":
                self._check_left_behind(session, login.role)
            sessions = int(self._called(session, function, login, "false") or 0)
        if sessions:
            raise NotYet(
                "postgres.sessions",
                f"{sessions} open {'session' if sessions == 1 else 'sessions'} of {login.role}: a "
                "consumer has not moved, and nothing was changed",
                until=self._context.clock.now() + LOOK_AGAIN,
                observed={"void": True},
            )

    def _contain(self, function: str, login: Login) -> None:
        if not self._connection.has_emergency_login():
            sessions = int(self._call(function, PermissionSet.REVOKE, login, "true") or 0)
            if sessions:
                raise _cannot_terminate(login.role, sessions)
            return
        self._call("contain", PermissionSet.CONTAIN, login)
        self._terminate(login.role)

    def end_sessions(self, handle_id: str) -> None:
        """Without an emergency login on the connection, sessions stay, as `survives` says."""
        if not self.traits.can_suspend and self._connection.has_emergency_login():
            self._terminate(self._login(handle_id).role)

    def _terminate(self, role: str) -> None:
        with (
            self._connection.session(PermissionSet.CONTAIN, role) as (session, _),
            self._translated("terminate", role),
        ):
            left = session.ask("select rotation.terminate($1, $2)", self._target, role)[0][0]
        if left != "0":
            raise Transient(
                "postgres.sessions-end",
                f"{left} sessions of {role} have not ended yet",
                "nothing to do: they are ended again",
            )

    def _translated(
        self, function: str, of: str = "", meanings: Meanings | None = None
    ) -> AbstractContextManager[None]:
        return translated(function, of=of or self._target, meanings=meanings)


def _cannot_terminate(role: str, sessions: int) -> Denied:
    return Denied(
        "postgres.cannot-terminate",
        f"{role} is off, but {sessions} of its sessions live on, and the connection has no "
        "emergency_user that could end them",
        f"let an administrator call pg_terminate_backend for the sessions of {role}, "
        "then `rotation resume`",
    )


def _time(epoch: str | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)
