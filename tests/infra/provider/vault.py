"""What the stand-in for Vault's plugin makes, at a real Vault, through the calls that Vault's own
documents name."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from providers.vault.testing.server import Refused, VaultServer
from tests.infra.provider.kind import Given, Kind, Made

Api = Callable[..., dict[str, Any]]
"""Method, path, body -> what Vault says."""


def reached(address: str) -> Api:
    port = urlsplit(address).port
    assert port is not None
    return VaultServer(Path(), port=port, root=os.environ["VAULT_TOKEN"]).api


def _snake(given: Given, *without: str) -> dict[str, Any]:
    """As Vault calls it; whole numbers as such."""
    return {
        re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): int(v) if isinstance(v, float) else v
        for key, v in given.items()
        if key not in without and v is not None
    }


def _make_mount(api: Api, given: Given) -> Made:
    path = given["path"]
    api("POST", f"sys/mounts/{path}", _snake(given, "path"))
    while True:  # a new mount needs a moment until it takes anything
        try:
            api("GET", f"{path}/config")
        except Refused:
            time.sleep(0.1)
        else:
            return path, {"accessor": api("GET", f"sys/mounts/{path}")["data"]["accessor"]}


def _look_at_mount(kind: str) -> Callable[[Api, str, Given], dict[str, Any]]:
    def look(api: Api, path: str, _: Given) -> dict[str, Any]:
        mount = api("GET", f"sys/{kind}")["data"].get(f"{path}/")
        if mount is None:
            raise Refused(404, "NotFound")
        known = ("accessor", "description", "type", *(("options",) if kind == "mounts" else ()))
        return {"path": path, **{name: mount[name] for name in known}}

    return look


def _tune(kind: str) -> Callable[[Api, str, Given, Given], Any]:
    def change(api: Api, path: str, _: Given, new: Given) -> None:
        api("POST", f"sys/{kind}/{path}/tune", {"description": new.get("description", "")})

    return change


def _make_login(api: Api, given: Given) -> Made:
    path = given["path"]
    api("POST", f"sys/auth/{path}", _snake(given, "path"))
    return path, {"accessor": api("GET", f"sys/auth/{path}")["data"]["accessor"]}


def _make_app_role(api: Api, given: Given) -> Made:
    path = f"auth/{given['backend']}/role/{given['roleName']}"
    api("POST", path, _snake(given, "backend", "roleName"))
    return path, {"roleId": api("GET", f"{path}/role-id")["data"]["role_id"]}


def _make_entity(api: Api, given: Given) -> Made:
    """Vault takes a name twice and says nothing; the real provider looks first."""
    try:
        api("GET", f"identity/entity/name/{given['name']}")
    except Refused:
        return api("POST", "identity/entity", _snake(given))["data"]["id"], {}
    raise Refused(400, f"identity entity already exists: {given['name']}")


def _make_alias(api: Api, given: Given) -> Made:
    return api("POST", "identity/entity-alias", _snake(given))["data"]["id"], {}


def _there(api: Api, path: str, _: Given) -> dict[str, Any]:
    api("GET", path)
    return {}


def _written(
    path: Callable[[Given], str], body: Callable[[Given], dict[str, Any]], *, fixed: str = "",
    name: Callable[[Given], str] | None = None, goes: bool = True,
) -> Kind:  # fmt: skip
    """What Vault writes over. name: of the resource, where that is not its path."""

    def make(api: Api, given: Given) -> Made:
        api("POST", path(given), body(given))
        return (name or path)(given), {}

    def change(api: Api, _id: str, _: Given, new: Given) -> None:
        api("POST", path(new), body(new))

    def remove(api: Api, _id: str, state: Given) -> None:
        if goes:
            api("DELETE", path(state))

    def look(api: Api, _id: str, state: Given) -> dict[str, Any]:
        return _there(api, path(state), {}) if goes else {}

    return Kind(make=make, change=change, remove=remove, look=look, replaced_by=fixed)


def _by_id(make: Callable[[Api, Given], Made], where: str) -> Kind:
    return Kind(
        make=make,
        change=lambda api, name, _, new: api("POST", f"{where}/id/{name}", _snake(new)),
        remove=lambda api, name, _: api("DELETE", f"{where}/id/{name}"),
        look=lambda api, name, _: _there(api, f"{where}/id/{name}", {}),
    )


def _make_audit(api: Api, given: Given) -> Made:
    api("PUT", f"sys/audit/{given['path']}", _snake(given, "path"))
    return given["path"], {}


def _look_at_audit(api: Api, name: str, _: Given) -> dict[str, Any]:
    if f"{name}/" not in api("GET", "sys/audit")["data"]:
        raise Refused(404, "NotFound")
    return {}


KINDS: Mapping[str, Kind] = {
    "vault:index/mount:Mount": Kind(
        make=_make_mount,
        look=_look_at_mount("mounts"),
        change=_tune("mounts"),
        remove=lambda api, path, _: api("DELETE", f"sys/mounts/{path}"),
        replaced_by="path type",
    ),
    "vault:index/authBackend:AuthBackend": Kind(
        make=_make_login,
        look=_look_at_mount("auth"),
        change=_tune("auth"),
        remove=lambda api, path, _: api("DELETE", f"sys/auth/{path}"),
        replaced_by="path type",
    ),
    "vault:kv/secretBackendV2:SecretBackendV2": _written(
        lambda given: f"{given['mount']}/config",
        lambda given: _snake(given, "mount"),
        fixed="mount",
        goes=False,
    ),
    "vault:index/policy:Policy": _written(
        lambda given: f"sys/policies/acl/{given['name']}",
        lambda given: {"policy": given["policy"]},
        fixed="name",
        name=lambda given: given["name"],
    ),
    "vault:tokenauth/authBackendRole:AuthBackendRole": _written(
        lambda given: f"auth/token/roles/{given['roleName']}",
        lambda given: _snake(given, "roleName"),
        fixed="roleName",
        name=lambda given: given["roleName"],
    ),
    "vault:generic/endpoint:Endpoint": _written(
        lambda given: given["path"],
        lambda given: json.loads(given["dataJson"]),
        fixed="path",
        goes=False,
    ),
    "vault:appRole/authBackendRole:AuthBackendRole": Kind(
        make=_make_app_role,
        look=_there,
        change=lambda api, path, _, new: api("POST", path, _snake(new, "backend", "roleName")),
        remove=lambda api, path, _: api("DELETE", path),
        replaced_by="backend roleName",
    ),
    "vault:identity/entity:Entity": _by_id(_make_entity, "identity/entity"),
    "vault:identity/entityAlias:EntityAlias": _by_id(_make_alias, "identity/entity-alias"),
    "vault:index/audit:Audit": Kind(
        make=_make_audit,
        look=_look_at_audit,
        remove=lambda api, name, _: api("DELETE", f"sys/audit/{name}"),
    ),
}


def _secret(api: Api, asked: Given) -> dict[str, Any]:
    """What has no `data` of its own is all data."""
    reply = api("GET", asked["path"])
    return {"dataJson": json.dumps(reply.get("data") or reply)}


def _list(api: Api, asked: Given) -> dict[str, Any]:
    try:
        return {"names": api("LIST", asked["path"])["data"]["keys"]}
    except Refused as refused:
        if refused.status != 404:
            raise
        raise Refused(404, f'no secrets found at "{asked["path"]}"') from None


def _entity(api: Api, asked: Given) -> dict[str, Any]:
    reply = api("POST", "identity/lookup/entity", _snake(asked))
    if "data" not in reply:
        raise Refused(404, "no identity entity found")
    return {"id": reply["data"]["id"]}


LOOKS = {
    "vault:generic/getSecret:getSecret": _secret,
    "vault:kv/getSecretsList:getSecretsList": _list,
    "vault:identity/getEntity:getEntity": _entity,
}
