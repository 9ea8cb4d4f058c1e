
-- What a successor must have of the login before it, by the server's own tables. All of it looks at
-- one database, and at what the server's databases share; of another database it is seen only that
-- a role has something there, and not what.

-- `a,b`, `a, b` and `"a", "b"` are one search_path; `"a,b"` is another.
create or replace function rotation.spelling(_setting text, _value text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
    when _setting in ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                      'session_preload_libraries') then (
      select string_agg(coalesce(replace(item[1], '""', '"'), lower(item[2])), chr(1) order by nth)
      from regexp_matches(_value, '"((?:[^"]|"")*)"|([^\s,"]+)', 'g') with ordinality m (item, nth))
    when (select vartype from pg_settings where name = _setting) = 'bool'
      then (lower(_value) in ('on', 'true', 'yes', '1'))::text
    else _value
  end
$$;

create or replace function rotation.shape(_login name) returns table (what text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with r as (select * from pg_roles where rolname = _login)
  select 'attribute ' || a.name, '' from r cross join lateral (values
    ('superuser', rolsuper), ('createrole', rolcreaterole), ('createdb', rolcreatedb),
    ('replication', rolreplication), ('bypassrls', rolbypassrls), ('noinherit', not rolinherit)
  ) a (name, has) where a.has
  union all
  select 'connection limit', rolconnlimit::text from r where rolconnlimit <> -1
  union all
  select 'setting ' || c.name || coalesce(' in database ' || d.datname, ''),
         rotation.spelling(c.name, substring(c.setting from '=(.*)'))
  from r join pg_db_role_setting s on s.setrole = r.oid
  left join pg_database d on d.oid = s.setdatabase
  cross join lateral (select e.setting, split_part(e.setting, '=', 1) as name
                      from unnest(s.setconfig) e (setting)) c
$$;

-- Of a group, what the allow-list says of a login is what an administrator wants, whatever was before;
-- and what is of one database alone is copied when the login is made.
create or replace function rotation.unlike_shape(t rotation.target, _old name, _new name)
returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when n.what is null then 'lacks ' when o.what is null then 'has ' else 'has another ' end
         || what
  from rotation.shape(_old) o full join rotation.shape(_new) n using (what)
  where o.detail is distinct from n.detail
    and (o.what is not null or what not like 'attribute %' or what = 'attribute noinherit')
    and not (t.mode = 'unique' and (what = 'connection limit' and t.connection_limit <> -1
             or t.settings ? coalesce(substring(what from '^setting ([^ ]+)$'), '')))
    and (what not like 'setting % in database %'
         or exists (select from pg_roles where rolname = _new))
$$;

-- `_as`: the new login, or its group while it is not made yet.
create or replace function rotation.unlike_memberships(t rotation.target, _old name, _as name)
returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  with direct as (
    select distinct g.oid, g.rolname from pg_auth_members m
    join pg_roles g on g.oid = m.roleid join pg_roles r on r.oid = m.member
    where r.rolname = _old
  )
  select distinct on (d.rolname) 'lacks membership in ' || d.rolname || p.words
  from direct d cross join lateral (values
    (1, 'USAGE', ''),
    (2, case when current_setting('server_version_num')::int < 160000 then 'MEMBER' else 'SET' end,
        ' with set'),
    (3, 'MEMBER WITH ADMIN OPTION', ' with admin')
  ) p (nth, privilege, words)
  where pg_has_role(_old, d.oid, p.privilege) and not pg_has_role(_as, d.oid, p.privilege)
  order by d.rolname, p.nth
$$;

-- DROP ROLE would take from its members what they have through it. Whoever has the admin option
-- made it, or administers it, and has nothing through it.
create or replace function rotation.unlike_members(t rotation.target, _old name, _new name)
returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select distinct 'lacks the member ' || r.rolname
  from pg_auth_members m join pg_roles o on o.oid = m.roleid join pg_roles r on r.oid = m.member
  where t.mode = 'unique' and o.rolname = _old
    and not exists (select from pg_auth_members a where a.roleid = o.oid and a.member = r.oid
                    and a.admin_option)
    and not exists (select from pg_auth_members a join pg_roles g on g.oid = a.roleid
                    where a.member = r.oid and g.rolname in (t.roles[1], _new))
$$;

create or replace function rotation.acl_of(_class oid, _object oid, _part int) returns aclitem[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case _class
    when 'pg_class'::regclass then case _part
      when 0 then (select relacl from pg_class where oid = _object)
      else (select attacl from pg_attribute where attrelid = _object and attnum = _part) end
    when 'pg_proc'::regclass then (select proacl from pg_proc where oid = _object)
    when 'pg_namespace'::regclass then (select nspacl from pg_namespace where oid = _object)
    when 'pg_type'::regclass then (select typacl from pg_type where oid = _object)
    when 'pg_database'::regclass then (select datacl from pg_database where oid = _object)
    when 'pg_tablespace'::regclass then (select spcacl from pg_tablespace where oid = _object)
    when 'pg_language'::regclass then (select lanacl from pg_language where oid = _object)
    when 'pg_foreign_server'::regclass then
      (select srvacl from pg_foreign_server where oid = _object)
    when 'pg_foreign_data_wrapper'::regclass then
      (select fdwacl from pg_foreign_data_wrapper where oid = _object)
    when 'pg_largeobject'::regclass then
      (select lomacl from pg_largeobject_metadata where oid = _object)
    when 'pg_default_acl'::regclass then (select defaclacl from pg_default_acl where oid = _object)
  end
$$;

-- Directly, through a role that it inherits from, as everybody may, or as the owner may.
create or replace function rotation.may(
  _as name, _class oid, _object oid, _part int, _privilege text, _grantable boolean
) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from (values (0), (_part)) part (nr)
    cross join lateral aclexplode(rotation.acl_of(_class, _object, part.nr)) a
    where a.privilege_type = _privilege and (a.is_grantable or not _grantable)
      and (a.grantee = 0 or pg_has_role(_as, a.grantee, 'USAGE'))
  ) or exists (
    select from pg_shdepend o where o.classid = _class and o.objid = _object and o.deptype = 'o'
      and o.dbid in (0, (select oid from pg_database where datname = current_database()))
      and o.refclassid = 'pg_authid'::regclass and pg_has_role(_as, o.refobjid, 'USAGE')
  )
$$;

-- What refers to a role here: `a` privileges, `o` ownership, `r` policies. What is temporary goes
-- with its session and is nobody's loss.
create or replace function rotation.references_to(_login name)
returns table (classid oid, objid oid, objsubid int, deptype "char", acl aclitem[], name text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.classid, s.objid, s.objsubid, s.deptype,
         rotation.acl_of(s.classid, s.objid, s.objsubid), i.type || ' ' || i.identity
  from pg_shdepend s join pg_roles r on r.oid = s.refobjid
  cross join lateral pg_identify_object(s.classid, s.objid, s.objsubid) i
  where s.refclassid = 'pg_authid'::regclass and r.rolname = _login
    and s.dbid in (0, (select oid from pg_database where datname = current_database()))
    and s.classid <> 'pg_auth_members'::regclass and s.deptype in ('a', 'o', 'r')
    and coalesce(i.schema, '') not like 'pg\_temp%'
$$;

create or replace function rotation.unlike_privileges(_old name, _as name) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('lacks %s on %s%s', a.privilege_type, f.name,
                case when a.is_grantable then ' with grant option' else '' end)
  from rotation.references_to(_old) f cross join lateral aclexplode(f.acl) a
  where f.deptype = 'a' and a.grantee = (select oid from pg_roles where rolname = _old)
    and not rotation.may(_as, f.classid, f.objid, f.objsubid, a.privilege_type, a.is_grantable)
$$;

create or replace function rotation.unlike_ownership(_old name, _as name) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'lacks the ownership of ' || f.name from rotation.references_to(_old) f
  where f.deptype = 'o' and not pg_has_role(_as, _old, 'USAGE')
    and f.classid not in ('pg_user_mapping'::regclass, 'pg_default_acl'::regclass)
  union all
  select 'lacks the mapping of a user on server ' || m.srvname from pg_user_mappings m
  where m.usename = _old and not exists (
    select from pg_user_mappings n where n.srvid = m.srvid and (n.umuser = 0 or n.usename = _as))
  union all
  select distinct 'lacks default privileges for what it makes' from pg_default_acl d
  join pg_roles r on r.oid = d.defaclrole cross join lateral aclexplode(d.defaclacl) a
  where r.rolname = _old and a.grantee <> r.oid
    and not (a.grantee <> 0 and pg_has_role(_as, a.grantee, 'USAGE'))
    -- What PostgreSQL itself gives everybody is written there as well.
    and not (a.grantee = 0 and d.defaclnamespace = 0 and d.defaclobjtype in ('f', 'T') and not exists (
      select from pg_default_acl e join pg_roles n on n.oid = e.defaclrole
      where n.rolname = _as and (e.defaclnamespace, e.defaclobjtype) = (0, d.defaclobjtype)))
    and not exists (
    select from pg_default_acl e join pg_roles n on n.oid = e.defaclrole
    cross join lateral aclexplode(e.defaclacl) b
    where n.rolname = _as and (e.defaclnamespace, e.defaclobjtype, b.grantee, b.privilege_type)
      = (d.defaclnamespace, d.defaclobjtype, a.grantee, a.privilege_type))
$$;

create or replace function rotation.unlike_policies(_old name, _as name) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  with policy as (
    select p.polname, p.polrelid::regclass as of_table, p.polpermissive,
      exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(_old, r, 'USAGE')) as old,
      exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(_as, r, 'USAGE')) as new
    from pg_policy p
  )
  select format('%s policy %s on %s', case when old then 'lacks' else 'has restrictive' end,
                polname, of_table)
  from policy where old <> new and (old or not polpermissive)
$$;

-- Of another database it cannot be told what is temporary: it is, perhaps, while a session is open.
create or replace function rotation.unlike_elsewhere(_old name, _as name) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select distinct 'lacks ' || case s.deptype when 'o' then 'objects that it owns'
    when 'r' then 'policies that name it' else 'privileges of its own' end
    || ' in database ' || d.datname
  from pg_shdepend s join pg_roles r on r.oid = s.refobjid join pg_database d on d.oid = s.dbid
  where s.refclassid = 'pg_authid'::regclass and r.rolname = _old
    and d.datname <> current_database() and s.deptype in ('a', 'o', 'r')
    and not exists (
      select from pg_shdepend n where (n.dbid, n.classid, n.objid, n.objsubid, n.refclassid)
        = (s.dbid, s.classid, s.objid, s.objsubid, s.refclassid)
        and n.deptype in (s.deptype, 'o') and pg_has_role(_as, n.refobjid, 'USAGE'))
    and not (s.deptype = 'o' and exists (
      select from pg_stat_activity a where a.usesysid = r.oid and a.datid = s.dbid))
$$;

create or replace function rotation.unlike(t rotation.target, _old name, _new name)
returns setof text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  like_role name := case when exists (select from pg_roles where rolname = _new) then _new
                    else t.roles[1] end;
begin
  return query
    select * from rotation.unlike_memberships(t, _old, like_role)
    union select * from rotation.unlike_members(t, _old, _new)
    union select * from rotation.unlike_privileges(_old, like_role)
    union select * from rotation.unlike_ownership(_old, like_role)
    union select * from rotation.unlike_policies(_old, like_role)
    union select * from rotation.unlike_elsewhere(_old, like_role)
    union select * from rotation.unlike_shape(t, _old, _new);
end $$;

-- In what a login is not as good as the active logins of the target before it; empty: consumers
-- can move. That login may be one that is not made yet.
drop function if exists rotation.differences(text, name);
create function rotation.differences(_target text, _login name)
returns table (login name, difference text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
begin
  return query
    with other as (
      select i.login, i.mark like 'rotation:owner=' || t.installation || ' %' as ours
      from rotation.instances(_target) i where i.active and i.login <> _login
    )
    select distinct o.login, u.* from other o
    cross join lateral rotation.unlike(t, o.login, _login) u
    where t.mode <> 'in-place' and (o.ours or not exists (select from other where ours));
end $$;

-- The same of the login that came after `_login`, which is to be switched off: what either of them
-- was given, or made, while both were in use. Empty: nobody will miss it. Of the latest: nothing.
create or replace function rotation.left_behind(_target text, _login name) returns setof text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  successor name;
begin
  select i.login into successor from rotation.instances(_target) i
  where i.active and i.mark like 'rotation:owner=' || t.installation || ' %'
    and i.created::numeric > coalesce((select o.created::numeric from rotation.instances(_target) o
                                       where o.login = _login), 0)
  order by i.created::numeric desc limit 1;
  if successor <> _login and exists (select from pg_roles where rolname = _login) then
    return query select * from rotation.unlike(t, _login, successor);
  end if;
end $$;
