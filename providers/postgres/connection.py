"""The way to one server: a fresh session for each call, which first proves which server it is."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from psycopg import pq

from providers.postgres.errors import standby, translated, wrong_server
from providers.postgres.options import ConnectionOptions
from providers.postgres.session import REQUIRED, STATEMENT_S, UNTIL, Session
from rotation.errors import UsageError
from rotation.interfaces import Clock, OwnCredential
from rotation.runtime.ownership import read_secret
from rotation.types import PermissionSet, SecretValue

# Older versions do not trace the answer to a login, and without its SQLSTATE there is no verdict.
LIBPQ_MIN = 180_000

_WHOSE = (
    "select system_identifier, pg_catalog.pg_is_in_recovery(), "
    "extract(epoch from pg_catalog.clock_timestamp()) from pg_catalog.pg_control_system()"
)
# A commit that a synchronous standby lacks could be lost in a failover, and a statement that we
# gave up must not take effect later.
_CAREFULLY = (
    "select pg_catalog.set_config('synchronous_commit', 'remote_apply', false), "
    f"pg_catalog.set_config('statement_timeout', '{STATEMENT_S * 1000:.0f}', false)"
)


class PostgresConnection:
    """One server. No session stays open, so a restart, a failover or a new password for our own
    login needs no special handling."""

    def __init__(self, options: ConnectionOptions, *, installation: str, clock: Clock) -> None:
        _refuse_ambient()
        if pq.version() < LIBPQ_MIN:
            raise UsageError(
                "postgres.libpq",
                f"psycopg uses libpq {pq.version()}; needed is {LIBPQ_MIN} or newer",
                "install psycopg[binary] 3.3 or newer",
            )
        self.options = options

    def own_credential(self) -> OwnCredential:
        """PostgreSQL knows when a password ends, but not when it was set."""
        with self.session(PermissionSet.OBSERVE, "our own login") as (session, _):
            [[until]] = session.ask(UNTIL, self.options.user)
        expires = None if until is None else datetime.fromtimestamp(float(until), UTC)
        return OwnCredential(kind="login", id=self.options.user, expires=expires)

    def close(self) -> None:
        """Does nothing: no session stays open."""

    def has_emergency_login(self) -> bool:
        return self.options.emergency_user is not None

    @contextmanager
    def session(self, under: PermissionSet, of: str) -> Iterator[tuple[Session, datetime]]:
        """A session of our own login at the primary of the declared server, and the server's
        time."""
        user, file = self._login(under)
        with (
            translated("log in", of=f"{user}"),
            Session(self.parameters(user, _password(file), self.options.database)) as session,
        ):
            [[system, in_recovery, epoch]] = session.ask(_WHOSE)
            if system != self.options.system_identifier:
                raise wrong_server(self.options.system_identifier, system)
            if in_recovery != "f":
                raise standby(of)
            session.ask(_CAREFULLY)
            yield session, datetime.fromtimestamp(float(epoch or 0), UTC)

    def _login(self, under: PermissionSet) -> tuple[str, str]:
        options = self.options
        if under is PermissionSet.CONTAIN and options.emergency_user is not None:
            return options.emergency_user, str(options.emergency_password_file)
        return options.user, options.password_file

    def parameters(self, user: str, password: SecretValue, database: str) -> dict[str, str]:
        """Sets every parameter that the environment or a file in the user's home could set
        otherwise."""
        verified = self.options.ca_file is not None
        return {
            **_neutral(),
            "host": self.options.host,
            "port": str(self.options.port),
            "dbname": database,
            "user": user,
            "password": password.reveal(),
            "passfile": "",
            "min_protocol_version": "3.0",
            "max_protocol_version": "3.0",
            "sslmode": "verify-full" if verified else "prefer",
            "sslrootcert": self.options.ca_file or "",
            "sslcertmode": "disable",
            "require_auth": REQUIRED,
            "gssencmode": "disable",
            "client_encoding": "UTF8",
            "application_name": "rotation",
        }


@cache
def _neutral() -> Mapping[str, str]:
    """Every parameter that a variable could set, at libpq's built-in value."""
    return {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar is not None and option.keyword != b"service"
    }


def _password(file: str) -> SecretValue:
    """Read for each session, because it may be replaced at any time."""
    try:
        password = read_secret(Path(file)).decode().rstrip("\n")
    except OSError as error:
        raise UsageError(
            "postgres.password-file",
            f"{file} is not used: {error.strerror}",
            "only root or the runner may own and change it; or correct the "
            "connection's password_file",
        ) from None
    except UnicodeDecodeError:
        password = ""
    if not password or "\0" in password:  # libpq would look for another one in the home directory
        raise UsageError(
            "postgres.password-file",
            f"{file} is empty, or no text",
            "write our own password into it",
        )
    return SecretValue(password)


def _refuse_ambient() -> None:
    """Refuses the one variable that explicit parameters cannot override."""
    if "PGSERVICE" in os.environ:
        raise UsageError(
            "postgres.ambient",
            "PGSERVICE is set, which is not allowed for a runner of production credentials",
            "unset PGSERVICE; hosts and names belong in the connection",
        )
