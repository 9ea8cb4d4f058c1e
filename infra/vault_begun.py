"""Whether Vault has what the stack had begun to make: of each kind that is not taken twice."""

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.begun import Found, Given, Unsaid

Ask = Callable[..., dict[str, Any]]
"""Path, body -> what Vault has there; empty where it has nothing."""


def found(provider: Given, kind: str, given: Given) -> Found | None:
    """What no look is for, the next `up` writes over, and harms nothing."""
    look = _LOOKS.get(kind)
    return look(_asking(provider), given) if look else None


def _asking(provider: Given) -> Ask:
    """With the token that `pulumi up` has."""
    token = os.environ.get("VAULT_TOKEN") or (Path.home() / ".vault-token").read_text().strip()
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    if namespace := provider.get("namespace"):
        headers["X-Vault-Namespace"] = namespace
    trust = ssl.create_default_context(cafile=provider.get("caCertFile"))

    def ask(path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 -- the configuration's own address
            f"{provider['address']}/v1/{path}",
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=trust) as answer:  # noqa: S310
                return dict(json.loads(answer.read() or b"{}").get("data") or {})
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise Unsaid(f"Vault said {error.code}") from None
        except OSError as error:
            raise Unsaid(f"Vault gave no answer: {type(error).__name__}") from None

    return ask


def _mount(ask: Ask, given: Given) -> Found | None:
    return _at("sys/mounts", ask, given)


def _login(ask: Ask, given: Given) -> Found | None:
    return _at("sys/auth", ask, given)


def _at(where: str, ask: Ask, given: Given) -> Found | None:
    """Its description says which stack made it."""
    there = ask(where).get(f"{given['path']}/")
    if there is None:
        return None
    return Found(given["path"], there["description"] == given.get("description"))


def _audit(ask: Ask, given: Given) -> Found | None:
    there = ask("sys/audit").get(f"{given['path']}/")
    if there is None:
        return None
    return Found(given["path"], there["options"].items() >= given["options"].items())


def _entity(ask: Ask, given: Given) -> Found | None:
    """The installation's id is in its name."""
    there = ask("identity/lookup/entity", {"name": given["name"]})
    return Found(there["id"], ours=True) if there else None


def _alias(ask: Ask, given: Given) -> Found | None:
    """Vault makes an entity of its own at a login: then it is not the one that the stack made."""
    asked = {"alias_name": given["name"], "alias_mount_accessor": given["mountAccessor"]}
    entity = ask("identity/lookup/entity", asked)
    for each in entity.get("aliases", []):
        if (each["name"], each["mount_accessor"]) == tuple(asked.values()):
            return Found(each["id"], entity["id"] == given["canonicalId"])
    return None


_LOOKS: Mapping[str, Callable[[Ask, Given], Found | None]] = {
    "vault:index/mount:Mount": _mount,
    "vault:index/authBackend:AuthBackend": _login,
    "vault:index/audit:Audit": _audit,
    "vault:identity/entity:Entity": _entity,
    "vault:identity/entityAlias:EntityAlias": _alias,
}
