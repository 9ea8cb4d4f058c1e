
-- What a login of a group makes is its own: PostgreSQL lets nobody say otherwise from here. While two
-- logins are in use the group may use what either of them makes, and when one ends it gets it.

create table if not exists rotation.shared (
  target text not null,
  login name not null,
  primary key (target, login)
);

-- Our owner administers these roles and has no rights of theirs; nobody else sees it have them.
create or replace function rotation.with_rights_of(_roles name[], _commands text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  role name;
  command text;
  inherited text := case when current_setting('server_version_num')::int < 160000 then ''
                    else ' with inherit true, set true' end;
begin
  foreach role in array _roles loop
    execute format('grant %I to rotation_owner%s', role, inherited);
  end loop;
  foreach command in array _commands loop
    execute command;
  end loop;
  foreach role in array _roles loop
    execute format('revoke %I from rotation_owner', role);
  end loop;
end $$;

create or replace function rotation.set_shared(t rotation.target, _login name, _verb text, _to text)
returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select rotation.with_rights_of(array[_login], array(
    select format('alter default privileges for role %I %s all on %s %s %I',
                  _login, _verb, kind, _to, t.roles[1])
    from unnest(array['tables', 'sequences', 'functions', 'types', 'schemas']) kind))
$$;

-- Default privileges that a person gave that login for the group are his, and stay as they are.
create or replace function rotation.share(t rotation.target, _login name) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from rotation.shared s where s.target = t.name and s.login = _login)
     or exists (select from pg_default_acl d join pg_roles r on r.oid = d.defaclrole
                cross join lateral aclexplode(d.defaclacl) a join pg_roles g on g.oid = a.grantee
                where r.rolname = _login and g.rolname = t.roles[1]) then
    return;
  end if;
  perform rotation.set_shared(t, _login, 'grant', 'to');
  insert into rotation.shared (target, login) values (t.name, _login);
end $$;

create or replace function rotation.unshare(t rotation.target, _login name) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  delete from rotation.shared s where s.target = t.name and s.login = _login;
  if found and exists (select from pg_roles where rolname = _login) then
    perform rotation.set_shared(t, _login, 'revoke', 'from');
  end if;
end $$;

-- Every login beside the one that is made. What we may not share is found later, by the comparison.
create or replace function rotation.share_all(t rotation.target) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  other name;
begin
  for other in select i.login from rotation.instances(t.name) i loop
    begin
      perform rotation.share(t, other);
    exception when insufficient_privilege then
      null;
    end;
  end loop;
end $$;

-- A login that a person made shares only beside one that we made.
create or replace function rotation.share_no_more(t rotation.target) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  other name;
begin
  if not exists (select from rotation.instances(t.name) i where i.mark like 'rotation:owner=%') then
    for other in select s.login from rotation.shared s where s.target = t.name loop
      perform rotation.unshare(t, other);
    end loop;
  end if;
end $$;

-- What it owns in this database goes to the group. As a member it loses nothing, so it may be in use. If
-- a lock is not granted soon, the wait is given up and repeated, because others queue behind it.
create or replace function rotation.hand_over(_target text, _login name) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
begin
  if t.mode <> 'unique'
     or not exists (select from rotation.instances(_target) i where i.login = _login) then
    return;
  end if;
  if pg_has_role(_login, t.roles[1], 'USAGE')
     and exists (select from rotation.references_to(_login) f where f.deptype = 'o'
                 and f.classid not in ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)) then
    perform set_config('lock_timeout', '2s', true);
    perform rotation.with_rights_of(array[_login, t.roles[1]], array[
      format('reassign owned by %I to %I', _login, t.roles[1])]);
  end if;
end $$;

-- Of the logins that we made, which have nothing but the group, and of those that share with them:
-- what they made meanwhile does not stop the next step.
create or replace function rotation.gather(_target text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  t rotation.target := rotation.target_of(_target);
  sharing name;
begin
  for sharing in select i.login from rotation.instances(_target) i
                 where i.mark like 'rotation:owner=' || t.installation || ' %' or exists (
                   select from rotation.shared s where s.target = t.name and s.login = i.login) loop
    perform rotation.hand_over(_target, sharing);
  end loop;
end $$;
