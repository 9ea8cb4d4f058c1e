"""GitLab, Grafana, Datadog and Cloudflare, as far as the shipped declarations call them. They
follow the pages that each declaration cites as its `source`."""

import re
import secrets
from typing import Any

from providers.http.testing.service import Got, Instance, Reply, Service, page, stamp

GITLAB_SCOPES = {"api", "read_api", "read_repository", "write_repository", "read_registry"}
GITLAB_LEVELS = {10, 20, 30, 40, 50}


def by_method(got: Got) -> str:
    return {"POST": "create", "GET": "list", "DELETE": "delete", "PUT": "suspend"}[got.method]


class GitLab(Service):
    """Project access tokens. A revoked one stays listed, except with state=active."""

    page_size = 2

    def operation(self, got: Got) -> str:
        return "login" if got.segments[-1] == "self" else by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        token = got.headers.get("private-token", "")
        if operation == "login":
            return self._self(token)
        if token != self.admin["token"]:
            return Reply(401, {"message": "401 Unauthorized"})
        if got.segments[3] != "42":
            return Reply(404, {"message": "404 Project Not Found"})
        if operation == "create":
            return self._create(got.document)
        if operation == "list":
            return self._list(got)
        instance = self.instances.get(got.segments[5])
        if instance is None:
            return Reply(404, {"message": "404 Token Not Found"})
        del self.instances[instance.id]
        return Reply(204)

    def _self(self, token: str) -> Reply:
        known = self.owner_of(token)
        if known is None:
            return Reply(401, {"message": f"401 Unauthorized: {token}"})
        self.use(token)
        return Reply(200, self._shown(known))

    def _create(self, asked: dict[str, Any]) -> Reply:
        day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", asked.get("expires_at", ""))
        scopes, level = asked.get("scopes"), asked.get("access_level", 40)
        if not (asked.get("name") and scopes and set(scopes) <= GITLAB_SCOPES and day):
            return Reply(400, {"message": f"400 Bad request: {asked}"})
        if level not in GITLAB_LEVELS:
            return Reply(400, {"message": "access_level does not have a valid value"})
        made = self.mint(
            str(1000 + self.minted), asked["name"], f"glpat-{secrets.token_hex(10)}",
            scopes=scopes, access_level=level, expires_at=asked["expires_at"],
        )  # fmt: skip
        return Reply(201, {**self._shown(made), "token": made.secret})

    def _list(self, got: Got) -> Reply:
        number = int(got.query.get("page", "1"))
        found = [self._shown(instance) for instance in self.instances.values()]
        if got.query.get("state") != "active":
            found.append({"id": 1, "name": "billing", "active": False, "revoked": True})
        shown = page(found, number - 1, self.page_size)
        further = number * self.page_size < len(found)
        path = f"{got.path.partition('&page=')[0]}&page={number + 1}"
        link = f'<{self.origin}{path}>; rel="next", <{self.origin}{got.path}>; rel="first"'
        return Reply(200, shown, {"Link": link} if further else {})

    def _shown(self, instance: Instance) -> dict[str, Any]:
        return {
            "id": int(instance.id), "name": instance.label, "active": True, "revoked": False,
            "created_at": stamp(instance.created), "last_used_at": stamp(instance.used),
            "user_id": 141, **instance.more,
        }  # fmt: skip


class Grafana(Service):
    """Tokens of a service account. Names are unique; the answer of a create has only id, name and
    key."""

    def operation(self, got: Got) -> str:
        return "login" if got.segments == ("api", "org") else by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        token = got.headers.get("authorization", "").removeprefix("Bearer ")
        if operation == "login":
            known = self.use(token)
            return Reply(200, {"id": 1}) if known else Reply(401, {"message": "Invalid API key"})
        if token != self.admin["token"]:
            return Reply(401, {"message": "Invalid API key"})
        if got.segments[2] != "7":
            return Reply(404, {"message": "service account not found"})
        if operation == "create":
            return self._create(got.document)
        if operation == "list":
            return Reply(200, [self._shown(instance) for instance in self.instances.values()])
        if self.instances.pop(got.segments[4], None) is None:
            return Reply(404, {"message": "Service account token not found"})
        return Reply(200, {"message": "Service account token deleted"})

    def _create(self, asked: dict[str, Any]) -> Reply:
        if type(asked.get("secondsToLive")) is not int:
            return Reply(400, {"message": "Bad request data"})
        if any(instance.label == asked["name"] for instance in self.instances.values()):
            return Reply(409, {"message": "service account token with given name already exists"})
        made = self.mint(
            str(self.minted + 1), asked["name"], f"glsa_{secrets.token_hex(16)}",
            life=asked["secondsToLive"],
        )  # fmt: skip
        return Reply(200, {"id": int(made.id), "name": made.label, "key": made.secret})

    def _shown(self, instance: Instance) -> dict[str, Any]:
        return {
            "id": int(instance.id), "name": instance.label, "created": stamp(instance.created),
            "expiration": stamp(self.ends(instance.more["life"])), "hasExpired": False,
            "isRevoked": False, "lastUsedAt": stamp(instance.used),
        }  # fmt: skip


class Datadog(Service):
    """API keys. Managing them needs two keys of the caller's own; a wrong key gives a 403."""

    def __init__(self) -> None:
        super().__init__()
        self.admin = {"api_key": secrets.token_hex(16), "application_key": secrets.token_hex(20)}

    def operation(self, got: Got) -> str:
        return "login" if got.segments[-1] == "validate" else by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        key = got.headers.get("dd-api-key", "")
        if operation == "login":
            known = self.use(key)
            return Reply(200, {"valid": True}) if known else Reply(403, {"errors": [f"no {key}"]})
        given = {"api_key": key, "application_key": got.headers.get("dd-application-key", "")}
        if given != self.admin:
            return Reply(403, {"errors": ["Forbidden"]})
        if operation == "create":
            return self._create(got.document)
        if operation == "list":
            number, size = int(got.query["page[number]"]), int(got.query["page[size]"])
            found = page(list(self.instances.values()), number, size)
            return Reply(200, {"data": [self._shown(instance) for instance in found]})
        if self.instances.pop(got.segments[3], None) is None:
            return Reply(404, {"errors": ["Not Found"]})
        return Reply(204)

    def _create(self, asked: dict[str, Any]) -> Reply:
        data = asked.get("data", {})
        if data.get("type") != "api_keys" or not data.get("attributes", {}).get("name"):
            return Reply(400, {"errors": ["Bad Request"]})
        made = self.mint(secrets.token_hex(16), data["attributes"]["name"], secrets.token_hex(16))
        shown = self._shown(made)
        shown["attributes"]["key"] = made.secret
        return Reply(201, {"data": shown})

    def _shown(self, instance: Instance) -> dict[str, Any]:
        attributes = {
            "name": instance.label, "created_at": stamp(instance.created),
            "last4": instance.secret[-4:],
        }  # fmt: skip
        return {"id": instance.id, "type": "api_keys", "attributes": attributes}


class Cloudflare(Service):
    """Tokens of an account. Each answer is wrapped; an update replaces the whole token."""

    def operation(self, got: Got) -> str:
        if got.segments[-1] == "verify":
            return "login"
        if got.method == "PUT":
            return "resume" if got.document["status"] == "active" else "suspend"
        return by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        token = got.headers.get("authorization", "").removeprefix("Bearer ")
        if operation == "login":
            known = self.owner_of(token)
            return _wrapped({"id": known.id, "status": "active"}) if known else _failed(401, 1000)
        if token != self.admin["token"]:
            return _failed(401, 10000)
        if got.segments[3] != "0a" * 16:
            return _failed(404, 7003)
        if operation == "create":
            return self._create(got.document)
        if operation == "list":
            found = page(list(self.instances.values()), int(got.query["page"]) - 1, 50)
            return _wrapped([self._shown(instance) for instance in found])
        instance = self.instances.get(got.segments[5])
        if instance is None:
            return _failed(404, 1003)
        if operation == "delete":
            del self.instances[instance.id]
            return _wrapped({"id": instance.id})
        return self._update(instance, got.document)

    def _create(self, asked: dict[str, Any]) -> Reply:
        if not asked.get("policies") or len(asked["name"]) > 120:
            return _failed(400, 1001)
        policies = [{**policy, "id": secrets.token_hex(16)} for policy in asked["policies"]]
        made = self.mint(
            secrets.token_hex(16), asked["name"], policies=policies,
            expires_on=asked["expires_on"],
        )  # fmt: skip
        return _wrapped({**self._shown(made), "value": made.secret})

    def _update(self, instance: Instance, asked: dict[str, Any]) -> Reply:
        if not asked.get("name") or not asked.get("policies"):
            return _failed(400, 1001)
        instance.active = asked["status"] == "active"
        instance.label = asked["name"]
        instance.more = {"policies": asked["policies"], "expires_on": asked.get("expires_on")}
        return _wrapped(self._shown(instance))

    def _shown(self, instance: Instance) -> dict[str, Any]:
        return {
            "id": instance.id, "name": instance.label, "issued_on": stamp(instance.created),
            "status": "active" if instance.active else "disabled", **instance.more,
        }  # fmt: skip


def _wrapped(result: Any) -> Reply:
    return Reply(200, {"success": True, "errors": [], "messages": [], "result": result})


def _failed(status: int, code: int) -> Reply:
    errors = [{"code": code, "message": "see the documentation"}]
    return Reply(status, {"success": False, "errors": errors, "messages": [], "result": None})
