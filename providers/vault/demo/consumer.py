"""`python -m providers.vault.demo.consumer`: an application that reads KV version 2, or logs in to
Vault.

A secret id that Vault refused is not tried again: five refusals in a row would lock the role out.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from rotation.demo.application import Held, Orders, Read, Use, run


class Vault:
    """One connection, which stays open."""

    def __init__(self, address: str) -> None:
        self._connection = HTTPConnection(urlsplit(address).netloc, timeout=10)

    def ask(
        self, method: str, path: str, token: str = "", body: Held | None = None
    ) -> dict[str, Any] | None:
        """None: refused."""
        headers = {"X-Vault-Request": "true", **({"X-Vault-Token": token} if token else {})}
        content = None if body is None else json.dumps(body)
        self._connection.request(method, f"/v1/{path}", content, headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= 300:
            return None
        answer: dict[str, Any] = json.loads(text or "{}")
        return answer


def _reader(orders: Orders) -> Read:
    vault = Vault(orders.endpoint)

    def read() -> Held | None:
        answer = vault.ask("GET", orders.source, orders.token)
        if answer is None:
            return None
        return {**answer["data"]["data"], "version": str(answer["data"]["metadata"]["version"])}

    return read


def _approle_user(vault: Vault) -> Use:
    refused = ""

    def use(held: Held) -> tuple[bool, str] | None:
        nonlocal refused
        version = held["version"]
        if version == refused:
            return None
        body = {name: held[name] for name in ("role_id", "secret_id")}
        answer = vault.ask("POST", "auth/approle/login", body=body)
        if answer is None:
            refused = version
            return False, version
        vault.ask("POST", "auth/token/revoke-self", answer["auth"]["client_token"])
        return True, version

    return use


if __name__ == "__main__":
    run(_reader, lambda orders: _approle_user(Vault(orders.endpoint)))
