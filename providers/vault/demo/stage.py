"""The stage of the show on Vault: a real one, a toy service, two applications, and a runner that may
do what `rotation policy vault` prints, and nothing else."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from providers.vault.options import STAGING
from providers.vault.testing.server import Refused, VaultServer, running
from rotation.demo.place import Place
from rotation.demo.toy import Toy, toy_services
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from pathlib import Path

    from rotation.demo.program import Heard, Program

BILLING, PARTNER = "billing-vault", "partner-token"
APPLICATIONS = {BILLING: "billing", PARTNER: "partner"}
MOUNT, ROLE = "secret", "billing"
REFRESH_S = 1
DAYS_OLD = 100
RUNNER_TOKEN_S = 15
"""How long a login of the runner lives that nobody renews, as that of a killed one."""

_ROLE_PATH = f"auth/approle/role/{ROLE}"


@dataclass(kw_only=True)
class Stage(Place):
    """values: of each secret, every one that readers ever got, the current one last."""

    vault: VaultServer
    toy: Toy
    values: dict[str, list[str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    abandoned: set[str] = field(default_factory=set)

    @property
    def of_the_operator(self) -> Path:
        """The configuration of who may claim a secret for the installation, which no runner may."""
        return self.root / "operator.yaml"

    def uses(self, name: str, kind: str, heard: Heard) -> Program:
        application = APPLICATIONS[name]
        orders = {
            "name": name, "kind": kind, "address": self.vault.address, "port": self.toy.port,
            "path": _live(name), "token": self._reader(application), "refresh_s": REFRESH_S,
        }  # fmt: skip
        return self.application("providers.vault.demo.consumer", name, json.dumps(orders), heard)

    def _reader(self, application: str) -> str:
        token = self.vault.token(f"read-{application}-demo")
        looked_up = self.vault.api("POST", "auth/token/lookup", {"token": token})
        self.tokens.add(looked_up["data"]["accessor"])
        return token

    def current(self, name: str) -> tuple[dict[str, str], str]:
        """What readers get now, and the number of that version."""
        data = self.vault.api("GET", _live(name))["data"]
        return data["data"], str(data["metadata"]["version"])

    def remember(self) -> None:
        """The bytes to look for at the end: Vault destroys the old ones."""
        for name, kept in (("secret_id", BILLING), ("token", PARTNER)):
            value = self.current(kept)[0][name]
            known = self.values.setdefault(kept, [])
            if value not in known:
                known.append(value)

    def lets_in(self, secret_id: str) -> bool:
        """One login, whose token ends at once."""
        body = {"role_id": self.current(BILLING)[0]["role_id"], "secret_id": secret_id}
        try:
            made = self.vault.api("POST", "auth/approle/login", body, token="")
        except Refused:
            return False
        self.vault.api("POST", "auth/token/revoke-self", token=made["auth"]["client_token"])
        return True

    def accessors(self) -> list[str]:
        """Of the role's secret ids that are alive."""
        return self._listed(f"{_ROLE_PATH}/secret-id")

    def staged(self) -> list[str]:
        return self._listed(f"{STAGING}/metadata")

    def locked(self) -> int:
        return int(self.vault.api("GET", "sys/locked-users")["data"]["total"])

    def know_tokens(self) -> None:
        """What is there now is nobody's leftover."""
        self.tokens.update(self._listed("auth/token/accessors"))

    def know_abandoned(self) -> None:
        """A runner was killed: what it held ends by itself, for nobody renews it."""
        self.abandoned.update(self._strays())

    def tokens_left(self) -> tuple[int, int]:
        """At once, and of the killed runner once its time is over."""
        left = len(self._strays() - self.abandoned)
        end, never = time.monotonic() + RUNNER_TOKEN_S, threading.Event()
        while (of_the_killed := self._strays() & self.abandoned) and time.monotonic() < end:
            never.wait(0.2)
        return left, len(of_the_killed)

    def _strays(self) -> set[str]:
        """Tokens beside those that were there first, and those that secrets are read with."""
        return set(self._listed("auth/token/accessors")) - self.tokens

    def contained_at(self, since: str) -> str | None:
        """When the role's entity was switched off, by Vault's audit log."""
        for entry in self.vault.requests():
            request = entry["request"]
            if request["path"].startswith("identity/entity/id/") and entry["time"] > since:
                return str(entry["time"])
        return None

    def _listed(self, path: str) -> list[str]:
        try:
            return list(self.vault.api("LIST", path)["data"]["keys"])
        except Refused as refused:
            if refused.status != 404:  # Vault lists nothing where there is nothing
                raise
            return []


def _live(name: str) -> str:
    return f"{MOUNT}/data/{APPLICATIONS[name]}"


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Vault and the toy services are up, both secrets are there, made by a person long ago."""
    with ExitStack() as stack:
        place = Place(root=root, stack=stack)
        place.lay_out()
        vault = stack.enter_context(running(root / "vault"))
        toy = stack.enter_context(toy_services(place.captured))
        here = Stage(root=root, stack=stack, vault=vault, toy=toy)
        _furnish(here)
        role_id = _runner(here)
        toy.install(here.commands, PARTNER)
        here.configured(_surroundings(here, role_id) + _secrets())
        _permit(here)
        _operator(here, role_id)
        here.remember()
        here.know_tokens()
        yield here


def _furnish(here: Stage) -> None:
    """What was there before us."""
    vault = here.vault
    vault.mount_kv(MOUNT, cas_required="true")
    vault.mount_kv(STAGING)
    vault.api("POST", "sys/auth/approle", {"type": "approle"})
    vault.api("POST", _ROLE_PATH, {"token_ttl": "5m"})
    role_id = vault.api("GET", f"{_ROLE_PATH}/role-id")["data"]["role_id"]
    # It ends in an hour, and a rotation is due a week before that.
    made = vault.api("POST", f"{_ROLE_PATH}/secret-id", {"ttl": "1h"})["data"]
    _write(vault, BILLING, {"role_id": role_id, "secret_id": made["secret_id"], "note": "kept"})
    token = secrets.token_urlsafe(32)
    here.toy.ask(PARTNER, "accept", token, handle="made-by-hand")
    _write(vault, PARTNER, {"token": token, "url": "https://partner.example/api"})


def _write(vault: VaultServer, name: str, value: dict[str, str]) -> None:
    vault.api("POST", _live(name), {"options": {"cas": 0}, "data": value})


def _runner(here: Stage) -> str:
    """The runner logs in with a secret id of its own; the id of its role."""
    path = "auth/approle/role/rotation"
    settings = {"token_ttl": f"{RUNNER_TOKEN_S}s", "token_policies": ["rotation-base"]}
    here.vault.api("POST", path, settings)
    made = here.vault.api("POST", f"{path}/secret-id")["data"]
    _as_file(here.root / "runner-secret-id", made["secret_id"])
    return str(here.vault.api("GET", f"{path}/role-id")["data"]["role_id"])


def _operator(here: Stage, role_id: str) -> None:
    """A person signs in, and has a copy of the file that says so."""
    token = here.root / "operator-token"
    _as_file(token, here.vault.token("rotation-operator", no_default_policy=False))
    runners = _login(role_id, here.root / "runner-secret-id")
    text = here.configuration.read_text().replace(runners, f"auth: token\n    login_file: {token}")
    _as_file(here.of_the_operator, text)


def _login(role_id: str, file: Path) -> str:
    return f"role: {role_id}\n    login_file: {file}"


def _as_file(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_text(text)


def _permit(here: Stage) -> None:
    """Every policy is what the product prints: of each permission set, the login, the readers."""
    lines: list[str] = []
    if here.rotation("policy", "vault", "-o", "json", heard=lines.append).wait():
        raise OSError("`rotation policy vault` failed")
    documents: list[dict[str, Any]] = json.loads("\n".join(lines))["documents"]
    entity = _entity(here)
    for document in documents:
        holder = document["holder"]
        name = holder if holder.startswith("read-") else f"rotation-{holder}"
        text = re.sub(r'ENTITY-OF-[^/"]+', entity, document["document"])
        here.vault.api("PUT", f"sys/policies/acl/{name}", {"policy": text})
        if holder in set(PermissionSet):
            rules = {"allowed_policies": [name]}
            here.vault.api("POST", f"auth/token/roles/{name}", rules)


def _entity(here: Stage) -> str:
    """Of the role, as the remark beside the policy says to look it up; Vault makes it at a login."""
    value = here.current(BILLING)[0]
    if not here.lets_in(value["secret_id"]):
        raise OSError("the first secret id does not log in")
    mounts = here.vault.api("GET", "sys/auth")["data"]
    alias = {"alias_name": value["role_id"], "alias_mount_accessor": mounts["approle/"]["accessor"]}
    return str(here.vault.api("POST", "identity/lookup/entity", alias)["data"]["id"])


def _surroundings(here: Stage, role_id: str) -> str:
    roles = ", ".join(f"{under}: rotation-{under}" for under in PermissionSet)
    return f"""
commands: {here.commands}

connections:
  vault:
    type: vault
    address: {here.vault.address}       # real ones: https
    cluster: {here.vault.cluster}
    {_login(role_id, here.root / "runner-secret-id")}
    roles: {{{roles}}}

classes:
  demo: {{max_age: 90d, margin: 7d, quiet: 1s, soak: 2s}}
"""


def _secrets() -> str:
    return f"""
secrets:
  - id: {BILLING}
    class: demo
    application: {APPLICATIONS[BILLING]}
    environment: demo
    owner: team-billing
    store: {{type: vault-kv2, connection: vault, mount: {MOUNT}, path: {APPLICATIONS[BILLING]}}}
    issuer: {{type: vault-approle, connection: vault, role: {ROLE}}}
    probe: {{type: vault-login, connection: vault}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: billing-api, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}

  - id: {PARTNER}
    class: demo
    application: {APPLICATIONS[PARTNER]}
    environment: demo
    owner: team-partner
    store: {{type: vault-kv2, connection: vault, mount: {MOUNT}, path: {APPLICATIONS[PARTNER]}}}
    issuer: {{type: generated, kind: token, prefix: prt_}}
    fields: {{token: token}}
    probe: {{type: command, argv: [{PARTNER}]}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: partner-service, type: command, role: verifier, argv: [{PARTNER}]}}
      - {{id: partner-client, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}
"""
