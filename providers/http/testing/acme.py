"""A made-up vendor for own declarations: keys that can be switched off, an idempotency key, and a
list in numbered pages."""

import secrets
from typing import Any

from providers.http.testing.service import Got, Instance, Reply, Service, page, stamp

DECLARATION: dict[str, Any] = {
    "login": {"headers": {"Authorization": "Bearer {token}"}},
    "parameters": ["team"],
    "live_max": 3,
    "needs": {
        "observe": "keys:read", "mint": "keys:write", "revoke": "keys:write", "contain": "keys:off",
    },
    "item": {
        "id": "/id", "id_pattern": "key-[0-9]{1,6}", "secret": "/key", "label": "/name",
        "created": "/created", "expires": "/expires", "used": "/last_used",
        "state": "/enabled", "active": "true", "suspended": "false", "same": ["/scopes", "/owner"],
    },
    "create": {
        "path": "/v1/teams/{team}/keys", "item": "/key",
        "body": '{"name": "{label}", "scopes": "{scopes}", "expires": "{expires:time}"}',
    },
    "list": {
        "path": "/v1/teams/{team}/keys?size=2", "items": "/keys", "paging": "page",
        "parameter": "page",
    },
    "delete": {"method": "DELETE", "path": "/v1/teams/{team}/keys/{id}"},
    "suspend": {
        "method": "PATCH", "path": "/v1/teams/{team}/keys/{id}", "body": '{"enabled": false}'
    },
    "resume": {
        "method": "PATCH", "path": "/v1/teams/{team}/keys/{id}", "body": '{"enabled": true}'
    },
}  # fmt: skip
PROBE: dict[str, Any] = {
    "path": "/v1/whoami",
    "login": {"headers": {"X-Key": "{secret}"}},
    "expects": {"/active": "true"},
}
IDEMPOTENT = {"idempotency_header": "Idempotency-Key", "idempotency_window_s": 86_400}


class Acme(Service):
    """twist: changes the answer of a create, as a vendor might."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Reply] = {}
        self.scopes_given: list[str] | None = None
        self.owner = "team-a"
        self.twist: Any = lambda document: document

    def operation(self, got: Got) -> str:
        if got.segments[1] == "whoami":
            return "login"
        if got.method == "PATCH":
            return "resume" if got.document["enabled"] else "suspend"
        return {"POST": "create", "GET": "list", "DELETE": "delete"}[got.method]

    def answer(self, operation: str, got: Got) -> Reply:
        if operation == "login":
            return self._login(got)
        if got.headers.get("authorization") != f"Bearer {self.admin['token']}":
            return Reply(401, {"error": f"bad token {got.headers.get('authorization')}"})
        if got.segments[2] != "a":
            return Reply(404, {"error": "no such team"})
        if operation == "create":
            return self._create_once(got)
        if operation == "list":
            return self._list(got)
        instance = self.instances.get(got.segments[4])
        if instance is None:
            return Reply(404, {"error": "no such key"})
        if operation == "delete":
            del self.instances[instance.id]
            return Reply(204)
        instance.active = operation == "resume"
        return Reply(200, _shown(instance))

    def _login(self, got: Got) -> Reply:
        if not self.use(got.headers.get("x-key", "")):
            return Reply(401, {"error": f"unknown key {got.headers.get('x-key')}"})
        return Reply(200, {"active": True})

    def _create_once(self, got: Got) -> Reply:
        key = got.headers.get("idempotency-key")
        if key is None:
            return self._create(got)
        if key not in self.answers:
            self.answers[key] = self._create(got)
        return self.answers[key]

    def _create(self, got: Got) -> Reply:
        wanted = self.scopes_given or got.document["scopes"]
        made = self.mint(
            f"key-{secrets.randbelow(10**6)}", got.document["name"], scopes=wanted,
            expires=got.document["expires"], owner=self.owner,
        )  # fmt: skip
        return Reply(201, {"key": self.twist({**_shown(made), "key": made.secret})})

    def _list(self, got: Got) -> Reply:
        found = page(list(self.instances.values()), int(got.query["page"]) - 1, 2)
        return Reply(200, {"keys": [_shown(instance) for instance in found]})


def _shown(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "name": instance.label,
        "created": stamp(instance.created),
        "last_used": stamp(instance.used),
        "enabled": instance.active,
        **instance.more,
    }
