"""Whether the set-up is there, and whether our own login has too many rights."""

from providers.postgres.errors import translated
from providers.postgres.options import LoginOptions
from providers.postgres.session import Session
from rotation.errors import Denied, NeedsPerson

REVISION = "rotation set-up 3"

_SETUP = """
select coalesce(obj_description(n.oid, 'pg_namespace'), '') = $1
  and (select bool_and(p.proowner = n.nspowner
                       and coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']
                       and not has_function_privilege('public', p.oid, 'execute'))
       from pg_proc p where p.pronamespace = n.oid)
  and not o.rolcanlogin and not o.rolsuper
from pg_namespace n join pg_roles o on o.oid = n.nspowner where n.nspname = 'rotation'
"""

# `usage` on 16 and later: what a role inherits or may become. Administering roles is the owner's
# part.
_POWERS = """
select name from (
  select 'superuser' as name, rolsuper as has from pg_roles where rolname = current_user
  union all select 'CREATEROLE', rolcreaterole from pg_roles where rolname = current_user
  union all select 'CREATEDB', rolcreatedb from pg_roles where rolname = current_user
  union all select 'REPLICATION', rolreplication from pg_roles where rolname = current_user
  union all select 'BYPASSRLS', rolbypassrls from pg_roles where rolname = current_user
  union all select 'membership in ' || rolname, pg_has_role(oid, 'member') from pg_roles
    where rolname = any (string_to_array($1, ',')) or rolname = 'rotation_owner'
       or (rolname like 'pg\\_%')
) powers where has
"""


def examine(session: Session, options: LoginOptions) -> None:
    """Raises what is wrong with the set-up or with our login."""
    with translated("examine", of=options.target):
        setup = session.ask(_SETUP, REVISION)
        powers = [str(row[0]) for row in session.ask(_POWERS, ",".join(options.roles))]
    if setup != [("t",)]:
        raise NeedsPerson(
            "postgres.not-set-up",
            "our functions are missing, of another version, or not as we print them",
            "let an administrator run what `rotation policy postgres` prints",
        )
    if powers:
        raise Denied(
            "postgres.too-powerful",
            f"our own login has more rights than it needs: {', '.join(powers)}",
            "revoke them: membership in rotation_runner is enough",
        )
