"""A fresh login that runs the consumer's own query, read only, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.postgres.errors import WRONG_LOGIN, translated, wrong_server
from providers.postgres.options import login_name
from providers.postgres.session import Refusal, Session
from rotation.errors import Permanent, Refused
from rotation.types import Fields, SecretValue, Verdict

if TYPE_CHECKING:
    from providers.postgres.connection import PostgresConnection
    from providers.postgres.options import ProbeOptions
    from rotation.interfaces import PluginContext

TIMEOUT_MS = 5000
_WHO = "select system_identifier, session_user from pg_catalog.pg_control_system()"


class LoginProbe:
    """The server's answer to name and password is a verdict; everything else is an error."""

    def __init__(self, options: ProbeOptions, context: PluginContext) -> None:
        self._connection: PostgresConnection = context.connections[options.connection]
        self._options = options

    def login(self, fields: Fields) -> Verdict:
        user, password = self._pair(fields)
        with translated("log in", of=user):
            session = self._opened(user, password)
        if session is None:
            return Verdict.REFUSED
        with session:
            self._is_declared(session, user)
            self._query(session, user)
        return Verdict.ACCEPTED

    def wrong(self, fields: Fields) -> Verdict:
        """`trust` in pg_hba.conf accepts any password: then no login proves anything."""
        user, password = self._pair(fields)
        right = password.reveal()
        other = SecretValue(right[:-1] + ("B" if right.endswith("A") else "A"))
        with translated("log in", of=user):
            session = self._opened(user, other)
        if session is None:
            return Verdict.REFUSED
        with session:
            return Verdict.ACCEPTED

    def login_name(self, fields: Fields) -> str | None:
        """The name that the server reports: a pooler may lead elsewhere, or log in as another user.
        None where the server refuses the login."""
        user, password = self._pair(fields)
        with translated("log in", of=user):
            session = self._opened(user, password)
        if session is None:
            return None
        with session:
            return login_name(*self._who(session, user))

    def _is_declared(self, session: Session, user: str) -> None:
        """A login at another server proves nothing about this one."""
        declared = self._connection.options.system_identifier
        system, _ = self._who(session, user)
        if system != declared:
            raise wrong_server(declared, system)

    def _who(self, session: Session, user: str) -> tuple[str, str]:
        """The server and the login as the server reports them; the declared ones, where it may not
        be asked."""
        with translated("ask who it is", of=user):
            try:
                [[system, name]] = session.ask(_WHO)
            except Refusal as refusal:
                if refusal.sqlstate != "42501":
                    raise
                return self._connection.options.system_identifier, user
        return str(system), str(name)

    def _opened(self, user: str, password: SecretValue) -> Session | None:
        database = self._options.database or self._connection.options.database
        try:
            return Session(self._connection.parameters(user, password, database))
        except Refusal as refusal:
            if refusal.sqlstate in WRONG_LOGIN:
                return None
            raise

    def _query(self, session: Session, user: str) -> None:
        with translated("run the probe's query", of=user):
            session.ask("begin read only")
            session.ask(f"set local statement_timeout = {TIMEOUT_MS}")
            try:
                session.ask(self._options.query)
            except Refusal as refusal:
                if refusal.sqlstate.startswith(("42", "25", "22")):
                    raise _query_refused(user, refusal.sqlstate) from None
                raise
            session.ask("rollback")

    def _pair(self, fields: Fields) -> tuple[str, SecretValue]:
        user = fields.public.get("username", self._options.user)
        if user is None or "password" not in fields.secret:
            raise Permanent(
                "probe.missing-field",
                "postgres-login logs in with username and password, and one is missing",
                "name both in the secret's `fields:`, or the probe's `user`",
            )
        return user, fields.secret["password"]


def _query_refused(user: str, code: str) -> Refused:
    return Refused(
        "probe.query-refused",
        f"{user} logs in, but may not run the probe's query ({code})",
        "compare the grants of its group with what the consumer needs",
    )
