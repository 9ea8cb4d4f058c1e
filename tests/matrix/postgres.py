"""PostgreSQL logins, on a real server."""

from collections.abc import Mapping

import psycopg

from providers.postgres.login import LoginIssuer
from providers.postgres.options import LoginOptions, ProbeOptions
from providers.postgres.probe import LoginProbe
from rotation.interfaces import Issuer, PluginContext, Probe, Verifier
from tests.matrix.sides import Value
from tests.support.postgres import Bench, Database

PASSWORD = "made-by-a-person-long-ago"


class _Logins:
    fields: Mapping[str, str] = {"username": "username", "password": "password"}
    public = LoginOptions.PUBLIC
    verifiers: tuple[Verifier, ...] = ()
    options: LoginOptions

    def __init__(self, database: Database) -> None:
        self._database = database
        self.connections = {"main": database.connection}
        self._bench: Bench | None = None

    @property
    def identity(self) -> str:
        return self.options.identity({"main": self._database.options})

    def issuer(self, context: PluginContext) -> Issuer:
        return LoginIssuer(self.options, context)

    def probe(self, context: PluginContext) -> Probe:
        options = ProbeOptions(connection="main", query="select 1", user=self.options.user)
        return LoginProbe(options, context)

    def end(self, value: Value) -> None:
        """Its password is another one: the role is there, and a login with the bytes is refused."""
        role = self._role(value)
        self._database.server.run(f"alter role {role} password 'what-a-person-put-there'")

    def lets_in(self, value: Value) -> bool:
        try:
            self._database.server.connect(self._role(value), value["password"]).close()
        except psycopg.OperationalError:
            return False
        return True

    def live(self) -> set[str]:
        assert self._bench is not None
        return set(self._bench.live())

    def close(self) -> None:
        pass

    def _role(self, value: Value) -> str:
        return self.options.user or value["username"]

    def _set_up(self, **options: object) -> None:
        self._bench = Bench(self._database, self._database.issuer(**options))
        self.options = LoginOptions(connection="main", **options)


class UniqueLogins(_Logins):
    def begin(self, name: str) -> Value:
        group = name.replace("-", "_")
        self._set_up(group=group)
        first = f"{group}_first"
        self._database.server.run(
            f"create role {first} login password '{PASSWORD}' in role {group}"
        )
        self._set_up(group=group)  # as a person does who brings a login along
        return {"username": first, "password": PASSWORD}

    def end(self, value: Value) -> None:
        self._database.server.run(f"drop role {value['username']}")


class PairOfLogins(_Logins):
    def begin(self, name: str) -> Value:
        first = f"{name.replace('-', '_')}_a"
        self._set_up(pair=(first, f"{name.replace('-', '_')}_b"))
        self._database.server.run(f"alter role {first} login password '{PASSWORD}'")
        return {"username": first, "password": PASSWORD}


class OneInPlace(_Logins):
    fields: Mapping[str, str] = {"password": "password"}

    def begin(self, name: str) -> Value:
        user = name.replace("-", "_")
        self._set_up(user=user, in_place=True)
        self._database.server.run(f"alter role {user} login password '{PASSWORD}'")
        return {"username": user, "password": PASSWORD}
