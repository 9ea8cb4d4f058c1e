-- rotation: what an administrator installs, once per server and again after each upgrade.
-- It may run any number of times. Read it: the runner can do what these functions do, and no more.

do $$
declare
  needed text;
begin
  if current_setting('server_version_num')::int < 140000 then
    raise exception 'rotation needs PostgreSQL 14 or newer';
  end if;
  foreach needed in array array['rotation_owner', 'rotation_runner', 'rotation_emergency'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = needed) then
      execute format('create role %I nologin', needed);
    end if;
  end loop;
end $$;

-- It makes, changes and drops logins on behalf of the logins that may call the functions. Nobody logs
-- in as it, so the logins of the runner can be replaced at any time.
alter role rotation_owner nologin inherit createrole;

-- An administrator without superuser becomes a member of it while this runs. On a managed server such
-- an administrator may not be allowed to grant `pg_signal_backend`: see `rotation.terminate`.
do $$
begin
  if not pg_has_role('rotation_owner',
                     case when current_setting('server_version_num')::int < 160000 then 'MEMBER'
                     else 'SET' end) then
    grant rotation_owner to current_user;
    perform set_config('rotation.joined', 'yes', true);
  end if;
  begin
    grant pg_signal_backend to rotation_owner;
  exception when insufficient_privilege then
    null;
  end;
end $$;

create schema if not exists rotation authorization rotation_owner;

set local role rotation_owner;

comment on schema rotation is 'rotation set-up 3';
grant usage on schema rotation to rotation_runner, rotation_emergency;

-- The allow-list. unique: `roles` is the group whose members are the logins. pair: two logins
-- that take turns. in-place: the one login.
create table if not exists rotation.target (
  name text primary key,
  installation text not null,
  mode text not null check (mode in ('unique', 'pair', 'in-place')),
  roles name[] not null,
  settings jsonb not null default '{}',
  connection_limit int not null default -1
);
alter table rotation.target add column if not exists others name[] not null default '{}';

-- Two installations that work on one role end each other's logins.
create or replace function rotation.check_unclaimed(_installation text, _roles name[]) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  other rotation.target;
begin
  select * into other from rotation.target t
  where t.installation <> _installation and t.roles && _roles limit 1;
  if found then
    raise exception using errcode = 'ROT07', message = format(
      'installation %s of rotation works on %s already', other.installation, other.name),
      hint = format('If that one is gone, as rotation_owner: delete from rotation.target where '
                    'installation = %L; then run this again.', other.installation);
  end if;
end $$;

-- The fence. An attempt that is not the latest of its pair or login, or that was ended, changes
-- nothing any more, however late it comes.
create table if not exists rotation.attempt (
  number bigint generated always as identity,
  target text not null,
  attempt text not null,
  login name not null,
  ended boolean not null default false,
  primary key (target, attempt)
);

-- ROT01 gone · ROT02 superseded · ROT03 not on the allow-list · ROT04 both in use · ROT05 switched
-- off · ROT06 no verifier · ROT07 another installation's, reported to the administrator who runs this

create or replace function rotation.target_of(_target text) returns rotation.target
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  found_target rotation.target;
begin
  select * into found_target from rotation.target t where t.name = _target;
  if not found then
    raise exception using errcode = 'ROT03', message = 'no such target';
  end if;
  return found_target;
end $$;

create or replace function rotation.mark_of(_login name) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles where rolname = _login
$$;

-- Every live login of the target: those that can log in, and those that we switched off.
create or replace function rotation.instances(_target text)
returns table (login name, mark text, attempt text, active boolean, created text, expires text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
begin
  return query
    -- Few of a server's roles: what is asked of each of them costs.
    with candidate as materialized (
      select a.member as id from pg_auth_members a join pg_roles g on g.oid = a.roleid
      where t.mode = 'unique' and g.rolname = t.roles[1]
      union
      select o.oid from pg_roles o where t.mode <> 'unique' and o.rolname = any (t.roles)
    )
    select r.rolname, m.mark, substring(m.mark from 'attempt=([0-9a-f]{32})'), r.rolcanlogin,
           substring(m.mark from 'created=([0-9.]+)'),
           extract(epoch from case when r.rolvaliduntil < 'epoch' then 'epoch'
             when r.rolvaliduntil < '9999-01-01' then r.rolvaliduntil end)::text
    from candidate c
    join pg_roles r on r.oid = c.id
    cross join lateral (select rotation.mark_of(r.rolname) as mark) m
    where (r.rolcanlogin or m.mark like '%rotation:%')
      and (t.mode <> 'unique' or rotation.is_login_of(t, r.oid, m.mark));
end $$;

-- Membership in the group is not enough: its creator is a member and administers it, and so may be
-- people, and programs with other logins.
create or replace function rotation.is_login_of(t rotation.target, _role oid, _mark text)
returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select bool_or(not m.admin_option) and (_mark like 'rotation:owner=%' or (
      bool_and(not m.admin_option and r.rolname <> all (t.others)
        and not (r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls))
      and (pg_has_role(_role, t.roles[1], 'USAGE')
        or pg_has_role(_role, t.roles[1], case when current_setting('server_version_num')::int
             < 160000 then 'MEMBER' else 'SET' end))))
  from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles r on r.oid = m.member
  where m.member = _role and g.rolname = t.roles[1]
$$;

-- Raises unless it is a login of the target that we may work on; empty `_attempt`: whichever.
create or replace function rotation.check_login(_target text, _login name, _attempt text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  r pg_roles;
begin
  if not exists (select from rotation.instances(_target) i where i.login = _login
                 and (t.mode = 'unique' or coalesce(i.attempt, '') = _attempt)) then
    if exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid
               join pg_roles o on o.oid = m.member
               where t.mode = 'unique' and o.rolname = _login and o.rolcanlogin
                 and g.rolname = t.roles[1]) then
      raise exception using errcode = 'ROT03', message = 'a member, and no login of the application';
    end if;
    raise exception using errcode = 'ROT01', message = 'no such login';
  end if;
  select * into r from pg_roles where rolname = _login;
  if r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls
     or _login like 'rotation\_%' or _login like 'pg\_%' then
    raise exception using errcode = 'ROT03', message = 'that role may do too much';
  end if;
end $$;

create or replace function rotation.sessions(_login name) returns int
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
  where r.rolname = _login
$$;

-- For pair and in-place: this attempt is the latest one from now on. Returns its login.
create or replace function rotation.begin(_target text, _attempt text) returns name
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  known rotation.attempt;
  free name;
begin
  perform from rotation.target where name = _target for update;
  select * into known from rotation.attempt a where a.target = _target and a.attempt = _attempt;
  if found then
    perform rotation.check_latest(_target, _attempt);
    return known.login;
  end if;
  if t.mode = 'in-place' then
    free := t.roles[1];
  else
    select role into free from unnest(t.roles) with ordinality as slot (role, nth)
    where role not in (select login from rotation.instances(_target)) order by nth limit 1;
    if free is null then
      raise exception using errcode = 'ROT04', message = 'both are in use';
    end if;
  end if;
  insert into rotation.attempt (target, attempt, login) values (_target, _attempt, free);
  return free;
end $$;

create or replace function rotation.check_latest(_target text, _attempt text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  latest rotation.attempt;
begin
  select * into latest from rotation.attempt a where a.target = _target order by number desc limit 1;
  if latest.attempt is distinct from _attempt or latest.ended then
    raise exception using errcode = 'ROT02', message = 'superseded';
  end if;
end $$;

-- The login exists and takes the password of that verifier.
create or replace function rotation.activate(_target text, _login name, _attempt text, _verifier text)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  mark text := rotation.mark_of(_login);
begin
  -- A password itself is never sent here, so none is in the server's log or statistics.
  if _verifier !~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$'
     or _attempt !~ '^[0-9a-f]{32}$' then
    raise exception using errcode = 'ROT06', message = 'not a verifier';
  end if;
  perform from rotation.target where name = _target for update;
  if t.mode = 'unique' then
    perform rotation.make_login(t, _login, _attempt);
  else
    perform rotation.check_latest(_target, _attempt);
    if not exists (select from rotation.attempt a
                   where a.target = _target and a.attempt = _attempt and a.login = _login) then
      raise exception using errcode = 'ROT03', message = 'another login';
    elsif t.mode = 'pair' and exists (select from rotation.instances(_target) i
          where i.login = _login and i.attempt is distinct from _attempt) then
      raise exception using errcode = 'ROT04', message = 'in use';
    end if;
  end if;
  mark := rotation.mark_of(_login);
  if mark like '%rotation:suspended%' then
    raise exception using errcode = 'ROT05', message = 'switched off';
  end if;
  execute format('alter role %I login password %L', _login, _verifier);
  if mark not like '%attempt=' || _attempt || '%' then
    execute format('comment on role %I is %L', _login,
      format('rotation:owner=%s attempt=%s created=%s', t.installation, _attempt,
             extract(epoch from clock_timestamp())));
  end if;
  if t.mode = 'unique' then
    perform rotation.gather(_target);
    perform rotation.share_all(t);
  end if;
end $$;

-- For unique: a new member of the group, shaped as the allow-list says. PostgreSQL lets nobody give
-- a role a default for `role` from here: see `rotation.share` for what it makes.
create or replace function rotation.make_login(t rotation.target, _login name, _attempt text)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  setting record;
begin
  if _login <> t.roles[1] || '_' || _attempt then
    raise exception using errcode = 'ROT03', message = 'another name';
  elsif exists (select from rotation.attempt a
                where a.target = t.name and a.attempt = _attempt and a.ended) then
    raise exception using errcode = 'ROT02', message = 'ended';
  elsif exists (select from pg_roles where rolname = _login) then
    if rotation.mark_of(_login) not like '%attempt=' || _attempt || '%' then
      raise exception using errcode = 'ROT03', message = 'not ours';
    end if;
    return;
  end if;
  execute format('create role %I nologin connection limit %s in role %I',
                 _login, t.connection_limit, t.roles[1]);
  -- `search_path` itself may be among them: what follows names its schema.
  for setting in select key, value from jsonb_each_text(t.settings) loop
    perform pg_catalog.set_config(setting.key, setting.value, true);
    execute pg_catalog.format('alter role %I set %I from current', _login, setting.key);
  end loop;
  -- What the login before it has in one database alone, no group hands on. What cannot be copied is
  -- a difference, and named.
  for setting in
    select d.datname, split_part(s.item, '=', 1) as key, substring(s.item from '=(.*)') as value
    from rotation.instances(t.name) i join pg_roles r on r.rolname = i.login
    cross join lateral (select setdatabase, unnest(setconfig) as item from pg_db_role_setting
                        where setrole = r.oid) s
    join pg_database d on d.oid = s.setdatabase
    where i.login <> _login order by i.created::numeric nulls first
  loop
    begin
      perform pg_catalog.set_config(setting.key, setting.value, true);
      execute pg_catalog.format('alter role %I in database %I set %I from current',
                                _login, setting.datname, setting.key);
    exception when others then
      null;
    end;
  end loop;
end $$;

-- Off. Returns how many sessions are in the way; then nothing was changed, unless `_force`.
create or replace function rotation.suspend(_target text, _login name, _attempt text, _force boolean)
returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  open_sessions int := rotation.sessions(_login);
begin
  perform rotation.check_login(_target, _login, _attempt);
  if open_sessions = 0 or _force then
    execute format('alter role %I nologin', _login);
    if rotation.mark_of(_login) not like '%rotation:suspended%' then
      execute format('comment on role %I is %L', _login,
                     trim(rotation.mark_of(_login) || ' rotation:suspended'));
    end if;
  end if;
  return open_sessions;
end $$;

create or replace function rotation.resume(_target text, _login name, _attempt text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform rotation.check_login(_target, _login, _attempt);
  execute format('alter role %I login', _login);
  execute format('comment on role %I is %L', _login,
                 trim(replace(rotation.mark_of(_login), 'rotation:suspended', '')));
end $$;

-- Gone for good, and its attempt can make nothing any more. Returns how many sessions are in the
-- way; then nothing was changed, unless `_force`.
create or replace function rotation.destroy(_target text, _login name, _attempt text, _force boolean)
returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  open_sessions int := rotation.sessions(_login);
begin
  perform from rotation.target where name = _target for update;
  begin
    perform rotation.check_login(_target, _login, _attempt);
  exception when sqlstate 'ROT01' then
    perform rotation.end_attempt(t, _login, _attempt);
    return 0;
  end;
  if open_sessions > 0 and not _force then
    return open_sessions;
  end if;
  perform rotation.end_attempt(t, _login, _attempt);
  if t.mode = 'unique' then
    perform rotation.hand_over(_target, _login);
    perform rotation.unshare(t, _login);
    execute format('drop role %I', _login);
    perform rotation.share_no_more(t);
  else
    execute format('alter role %I nologin password null', _login);
    execute format('comment on role %I is null', _login);
  end if;
  return open_sessions;
end $$;

create or replace function rotation.end_attempt(t rotation.target, _login name, _attempt text)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  ended_attempt text := case when t.mode = 'unique' then right(_login, 32) else _attempt end;
begin
  if t.mode <> 'unique' or _login = t.roles[1] || '_' || substring(ended_attempt from '^[0-9a-f]{32}$') then
    insert into rotation.attempt (target, attempt, login, ended)
    values (t.name, ended_attempt, _login, true)
    on conflict (target, attempt) do update set ended = true;
  end if;
end $$;

-- For the emergency: off at once, even if it is logged in.
create or replace function rotation.contain(_target text, _login name, _attempt text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
begin
  if t.mode = 'in-place' then
    perform rotation.destroy(_target, _login, _attempt, true);
  else
    perform rotation.suspend(_target, _login, _attempt, true);
  end if;
end $$;

-- Ends the sessions of a login that is off, or whose password was replaced in place. A call of its
-- own: only what was committed keeps them from coming back. Returns how many are left; in place new
-- ones come at once, rightly, and those do not count.
create or replace function rotation.terminate(_target text, _login name) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  survived int;
  joins boolean := not pg_has_role('pg_signal_backend', 'USAGE');
begin
  if _login like 'rotation\_%' or exists (select from pg_roles r where rolname = _login
       and ((rolcanlogin and t.mode <> 'in-place') or rolsuper or (rolname <> all (t.roles)
            and _login not in (select login from rotation.instances(_target))))) then
    raise exception using errcode = 'ROT03', message = 'not a login that is off';
  end if;
  -- Without that role one ends the sessions of a role whose rights one has.
  if joins then
    execute format('grant %I to rotation_owner with inherit true, set false', _login);
  end if;
  select count(*) filter (where not pg_terminate_backend(a.pid, 2000)) into survived
  from pg_stat_activity a join pg_roles r on r.oid = a.usesysid where r.rolname = _login;
  if joins then
    execute format('revoke %I from rotation_owner', _login);
  end if;
  perform pg_stat_clear_snapshot();
  return case when t.mode = 'in-place' then survived else rotation.sessions(_login) end;
end $$;
