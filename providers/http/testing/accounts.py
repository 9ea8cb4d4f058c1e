"""MongoDB Atlas and Confluent Cloud, whose keys are a pair: a public name and its secret."""

import base64
import hashlib
import re
import secrets
import string
from typing import Any

from providers.http.testing.service import Got, Instance, Reply, Service, page, stamp
from providers.http.testing.vendors import by_method

ATLAS_ROLES = {"ORG_MEMBER", "ORG_READ_ONLY", "ORG_OWNER", "ORG_BILLING_ADMIN"}
_PART = re.compile(r'(\w+)="?([^",]*)"?')


class Atlas(Service):
    """API keys of an organisation, by HTTP digest. The media type names a version of the API."""

    organization = "5f" * 12

    def __init__(self) -> None:
        super().__init__()
        self.admin = {"public_key": "adminpub", "private_key": secrets.token_hex(18)}
        self._nonces: set[str] = set()

    def operation(self, got: Got) -> str:
        if not got.headers.get("authorization"):
            return "challenge"
        return "login" if got.segments[-1] == self.organization else by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        if operation == "challenge":
            return self._challenge()
        known = {i.more["publicKey"]: i.secret for i in self.instances.values()}
        admin = {self.admin["public_key"]: self.admin["private_key"]}
        if not self._proved(got, known if operation == "login" else admin):
            return self._challenge()
        if operation == "login":
            return Reply(200, {"id": self.organization})
        return self._managed(operation, got)

    def _managed(self, operation: str, got: Got) -> Reply:
        if not got.headers["accept"].startswith("application/vnd.atlas."):
            return Reply(406, {"errorCode": "INVALID_VERSION_DATE"})
        if got.segments[4] != self.organization:
            return Reply(404, {"errorCode": "RESOURCE_NOT_FOUND"})
        if operation == "create":
            return self._create(got.document)
        if operation == "list":
            number, size = int(got.query["pageNum"]) - 1, int(got.query["itemsPerPage"])
            found = page(list(self.instances.values()), number, size)
            return Reply(200, {"results": [_atlas_key(instance) for instance in found]})
        if self.instances.pop(got.segments[6], None) is None:
            return Reply(404, {"errorCode": "API_KEY_NOT_FOUND"})
        return Reply(204)

    def _create(self, asked: dict[str, Any]) -> Reply:
        if not asked.get("desc") or not set(asked["roles"]) <= ATLAS_ROLES:
            return Reply(400, {"errorCode": "INVALID_ENUM_VALUE"})
        roles = [{"orgId": self.organization, "roleName": role} for role in asked["roles"]]
        public = "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
        made = self.mint(secrets.token_hex(12), asked["desc"], roles=roles, publicKey=public)
        return Reply(200, {**_atlas_key(made), "privateKey": made.secret})

    def _challenge(self) -> Reply:
        nonce = secrets.token_hex(16)
        self._nonces.add(nonce)
        challenge = f'Digest realm="MMS Public API", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale=false'
        return Reply(401, {"reason": "Unauthorized"}, {"WWW-Authenticate": challenge})

    def _proved(self, got: Got, known: dict[str, str]) -> bool:
        given = dict(_PART.findall(got.headers["authorization"]))
        password, nonce = known.get(given.get("username", "")), given.get("nonce", "")
        if password is None or nonce not in self._nonces or given["uri"] != got.path:
            return False
        self._nonces.discard(nonce)
        who = _md5(f"{given['username']}:MMS Public API:{password}")
        what = _md5(f"{got.method}:{got.path}")
        proof = _md5(f"{who}:{nonce}:{given['nc']}:{given['cnonce']}:auth:{what}")
        return secrets.compare_digest(proof, given["response"])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _atlas_key(instance: Instance) -> dict[str, Any]:
    return {
        "id": instance.id, "desc": instance.label, "publicKey": instance.more["publicKey"],
        "roles": instance.more["roles"], "privateKey": "********-****-****-" + instance.secret[-12:],
    }  # fmt: skip


class Confluent(Service):
    """API keys of a service account for one cluster, by HTTP basic. The id is the user name. The
    cluster's REST API answers here too."""

    page_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.admin = {"key": "ADMINKEY12345678", "secret": secrets.token_hex(32)}

    def operation(self, got: Got) -> str:
        return "login" if got.segments[0] == "kafka" else by_method(got)

    def answer(self, operation: str, got: Got) -> Reply:
        given = got.headers.get("authorization", "").removeprefix("Basic ")
        user, _, password = base64.b64decode(given).decode().partition(":")
        if operation == "login":
            instance = self.instances.get(user)
            known = instance is not None and instance.secret == password
            return Reply(200, {"cluster_id": "lkc-1"}) if known else Reply(401, {"error_code": 401})
        if {"key": user, "secret": password} != self.admin:
            return Reply(401, {"errors": [{"status": "401"}]})
        if operation == "create":
            return self._create(got.document["spec"])
        if operation == "list":
            return self._list(got)
        if self.instances.pop(got.segments[3], None) is None:
            return Reply(404, {"errors": [{"status": "404"}]})
        return Reply(204)

    def _create(self, asked: dict[str, Any]) -> Reply:
        if asked["owner"]["id"] != "sa-1" or asked["resource"]["id"] != "lkc-1":
            return Reply(404, {"errors": [{"status": "404"}]})
        alphabet = string.ascii_uppercase + string.digits
        key = "".join(secrets.choice(alphabet) for _ in range(16))
        made = self.mint(key, asked["display_name"], secrets.token_urlsafe(48), **asked)
        shown = _confluent_key(made)
        shown["spec"]["secret"] = made.secret
        return Reply(202, shown)

    def _list(self, got: Got) -> Reply:
        number = int(got.query.get("page_token", "0"))
        owned = [
            i for i in self.instances.values() if i.more["owner"]["id"] == got.query["spec.owner"]
        ]
        shown = [_confluent_key(instance) for instance in page(owned, number, self.page_size)]
        further = (number + 1) * self.page_size < len(owned)
        path = f"{got.path.partition('&page_token=')[0]}&page_token={number + 1}"
        following = {"next": f"{self.origin}{path}"} if further else {}
        return Reply(200, {"data": shown, "metadata": following})


def _confluent_key(instance: Instance) -> dict[str, Any]:
    spec = {name: instance.more[name] for name in ("display_name", "owner", "resource")}
    return {"id": instance.id, "spec": spec, "metadata": {"created_at": stamp(instance.created)}}
