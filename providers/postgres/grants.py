"""The set-up of one server as SQL, which an administrator reads and runs, any number of times."""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

from providers.postgres.options import ConnectionOptions, LoginOptions, ProbeOptions
from providers.postgres.permissions import GRANTS, Grants
from rotation.interfaces import Call, Part, PolicyDocument, Scope
from rotation.types import PermissionSet

RUNNER, EMERGENCY = "rotation_runner", "rotation_emergency"

# Since 16, CREATEROLE gives no right on roles that others made. So the owner of the functions gets
# the right to administer the groups, the pairs, and the earlier logins of a group, which are to be
# switched off one day. It can only administer them: it inherits nothing and cannot become one of
# them.
_ADMINISTERED = """
do $$
declare
  administered name[];
  role name;
begin
  perform set_config('role', 'rotation_owner', true);
  administered := array(
    select r.rolname from pg_roles r join rotation.target t on r.rolname = any (t.roles)
    union
    select i.login from rotation.target t cross join lateral rotation.instances(t.name) i
    where t.mode = 'unique' and i.mark not like 'rotation:owner=%');
  reset role;
  if current_setting('server_version_num')::int >= 160000 then
    foreach role in array administered loop
      execute format('grant %I to rotation_owner with admin true, inherit false, set false', role);
    end loop;
  end if;
  if current_setting('rotation.joined', true) = 'yes' then
    revoke rotation_owner from current_user;
  end if;
end $$;"""


_CLOSED = """
revoke all on all functions in schema rotation from public, rotation_runner, rotation_emergency;"""


class SetupRenderer:
    """One document per connection: functions, allow-list and what our logins may call."""

    def grants(self) -> Mapping[str, Grants]:
        return GRANTS

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        parts = [part for part in scope.parts if part.kind == "issuers"]  # the probe needs nothing
        if not parts:
            return []
        options: ConnectionOptions = scope.options
        text = "\n".join(
            (
                f"-- For an administrator of {options.host}, in database {options.database}:",
                "-- a superuser, or who made the roles below, may CREATE ROLE and CREATE in it.",
                "\\set ON_ERROR_STOP on",
                "begin;",
                *map(_file, ("setup.sql", "compare.sql", "share.sql")),
                _CLOSED,
                *_executes(),
                "\nreset role;",
                *_logins(options),
                *(line for part in parts for line in _target(scope.installation, part)),
                _ADMINISTERED,
                "commit;",
            )
        )
        return [PolicyDocument(name="setup", holder="administrator", text=text)]

    def calls(self, scope: Scope) -> Iterator[Call]:
        for need in (need for need in scope.needs if need.part.kind == "issuers"):
            if need.grant.when not in ("always", need.part.options.mode):
                continue
            function = f"rotation.{need.grant.function}"
            target = need.part.options.target
            yield Call(under=need.under, secret=need.part.secret, call=function, on=target)
        for part in scope.parts:
            if isinstance(part.options, ProbeOptions):
                database = part.options.database or scope.options.database
                for under in (PermissionSet.VERIFY, PermissionSet.PROVE):
                    yield Call(under=under, secret=part.secret, call="login, query", on=database)


def _executes() -> Iterator[str]:
    """A login that may look may also look in an emergency."""
    for under, grants in GRANTS["postgres-login"].items():
        holders = {
            PermissionSet.OBSERVE: f"{RUNNER}, {EMERGENCY}",
            PermissionSet.CONTAIN: EMERGENCY,
        }
        for grant in grants:
            holder = holders.get(under, RUNNER)
            yield f"grant execute on function rotation.{grant.function} to {holder};"


def _logins(options: ConnectionOptions) -> Iterator[str]:
    for login, group in ((options.user, RUNNER), (options.emergency_user, EMERGENCY)):
        if login is not None:
            yield f"\n-- Its password is yours to set: \\password {_name(login)}"
            yield _if_missing(login, "login")
            yield f"grant {group} to {_name(login)};"


def _if_missing(role: str, attributes: str) -> str:
    return (
        f"do $$ begin if not exists (select from pg_roles where rolname = {_text(role)}) then\n"
        f"  create role {_name(role)} {attributes}; end if; end $$;"
    )


def _target(installation: str, part: Part) -> Iterator[str]:
    options: LoginOptions = part.options
    yield f"\n-- {part.secret}"
    for role in options.roles:
        yield _if_missing(role, "nologin")
    yield (
        "set local role rotation_owner;\n"
        f"select rotation.check_unclaimed({_text(installation)}, {_names(options.roles)});\n"
        "insert into rotation.target\n"
        "  (name, installation, mode, roles, settings, connection_limit, others)\n"
        f"values ({_text(options.target)}, {_text(installation)}, {_text(options.mode)}, "
        f"{_names(options.roles)},\n"
        f"  {_text(json.dumps(dict(options.settings), sort_keys=True))}, "
        f"{options.connection_limit}, {_names(options.others)})\n"
        "on conflict (name) do update set installation = excluded.installation, mode = excluded.mode,\n"
        "  roles = excluded.roles, settings = excluded.settings,\n"
        "  connection_limit = excluded.connection_limit, others = excluded.others;\n"
        "reset role;"
    )


def _file(name: str) -> str:
    return files("providers.postgres").joinpath(name).read_text("utf-8")


def _names(roles: Iterable[str]) -> str:
    return f"array[{', '.join(map(_text, roles))}]::name[]"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
