"""A real Vault for the scenario, and a runner with exactly the rights that `rotation policy vault`
prints."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.vault.options import STAGING
from providers.vault.testing.server import Refused, VaultServer, running
from rotation.demo.environment import (
    APPLICATIONS,
    BILLING,
    PARTNER,
    SERVICES,
    Number,
    Version,
    Words,
)
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from rotation.demo.workspace import Workspace

MOUNT = "secret"
ROLE = "auth/approle/role/billing"
# The life of a runner's login that is not renewed, such as a killed runner's.
RUNNER_TOKEN_S = 15

BILLING_MADE = """
issuer: {type: vault-approle, connection: demo, role: billing}
probe: {type: vault-login, connection: demo}
destroy: unattended                 # a person's turn by default: it cannot be switched off first
"""


@dataclass
class OnVault:
    """Asks Vault for everything, as root. tokens: those that should exist; abandoned: those of the
    killed runner."""

    vault: VaultServer
    claimant: Sequence[str]
    words: Words
    consumer: str = "providers.vault.demo.consumer"
    tokens: set[str] = field(default_factory=set)
    abandoned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tokens.update(_listed(self.vault, "auth/token/accessors"))

    def access(self, name: str) -> dict[str, str]:
        token = self.vault.token(f"read-{APPLICATIONS[name]}-demo")
        looked_up = self.vault.api("POST", "auth/token/lookup", {"token": token})
        self.tokens.add(looked_up["data"]["accessor"])
        return {"endpoint": self.vault.address, "source": _live(name), "token": token}

    def versions(self, name: str) -> list[Version]:
        """Only the current one, because Vault destroys the old ones; applications report its
        number."""
        read = _current(self.vault, name)
        value = read["data"].get({BILLING: "secret_id", **SERVICES}[name]) if read else None
        return [Version(name, value, str(read["metadata"]["version"]))] if read and value else []

    def accepts(self, version: Version) -> bool:
        """A good login follows a refused one at once: five refused ones in a row lock the role."""
        let_in = _lets_in(self.vault, version.value)
        if not let_in:
            _lets_in(self.vault, self.versions(BILLING)[0].value)
        return let_in

    def issued(self) -> int:
        return len(_listed(self.vault, f"{ROLE}/secret-id"))

    def staged(self) -> int:
        return len(_listed(self.vault, f"{STAGING}/metadata"))

    def contained_at(self, public: str, since: float) -> float | None:
        """When the role's entity was disabled, from Vault's audit log."""
        times = (
            datetime.fromisoformat(entry["time"]).timestamp()
            for entry in self.vault.requests()
            if entry["request"]["path"].startswith("identity/entity/id/")
        )
        return next((at for at in times if at > since), None)

    def runner_was_killed(self) -> None:
        """What it held ends by itself, because nothing renews it."""
        self.abandoned.update(self._strays())

    def numbers(self) -> Iterator[Number]:
        locked = int(self.vault.api("GET", "sys/locked-users")["data"]["total"])
        yield Number("locked roles", f"{locked}, by Vault's own list", locked == 0)
        left, of_the_killed = self._tokens_left()
        yield Number(
            "tokens left",
            f"{left} of runners, commands and applications; {of_the_killed} of the killed runner, "
            f"whose login ended with its {RUNNER_TOKEN_S} s",
            left == of_the_killed == 0,
        )

    def _tokens_left(self) -> tuple[int, int]:
        """The tokens left now, and those of the killed runner once their time is over."""
        left = len(self._strays() - self.abandoned)
        end, never = time.monotonic() + RUNNER_TOKEN_S, threading.Event()
        while (of_the_killed := self._strays() & self.abandoned) and time.monotonic() < end:
            never.wait(0.2)
        return left, len(of_the_killed)

    def _strays(self) -> set[str]:
        """Tokens other than the first ones and those that read secrets."""
        return set(_listed(self.vault, "auth/token/accessors")) - self.tokens


def prepare(workspace: Workspace) -> OnVault:
    """Starts Vault with two of the three secrets, made by a person long ago."""
    vault = workspace.stack.enter_context(running(workspace.root / "vault"))
    _furnish(workspace, vault)
    runner = _runner(workspace, vault)
    roles = ", ".join(f"{under}: rotation-{under}" for under in PermissionSet)
    workspace.configured(
        connection=f"""
type: vault
address: {vault.address}       # real ones: https
cluster: {vault.cluster}
{runner}
roles: {{{roles}}}
""",
        store=f"type: vault-kv2, connection: demo, mount: {MOUNT}, path: {{application}}",
        billing=BILLING_MADE,
    )
    _permit(workspace, vault)
    return OnVault(vault, _claimant(workspace, vault, runner), _words(vault))


def _furnish(workspace: Workspace, vault: VaultServer) -> None:
    """Makes what was there before the product."""
    vault.mount_kv(MOUNT, cas_required="true")
    vault.mount_kv(STAGING)
    vault.api("POST", "sys/auth/approle", {"type": "approle"})
    vault.api("POST", ROLE, {"token_ttl": "5m"})
    # It ends in an hour, and a rotation is due a week before its end.
    made = vault.api("POST", f"{ROLE}/secret-id", {"ttl": "1h"})["data"]
    billing = {"role_id": _role_id(vault), "secret_id": made["secret_id"], "note": "kept"}
    for name, value in ((BILLING, billing), (PARTNER, workspace.made_by_hand())):
        vault.api("POST", _live(name), {"options": {"cas": 0}, "data": value})


def _runner(workspace: Workspace, vault: VaultServer) -> str:
    """The runner logs in with its own secret id; returns the configuration of that login."""
    path = "auth/approle/role/rotation"
    settings = {"token_ttl": f"{RUNNER_TOKEN_S}s", "token_policies": ["rotation-base"]}
    vault.api("POST", path, settings)
    made = vault.api("POST", f"{path}/secret-id")["data"]
    file = workspace.private("runner-secret-id", made["secret_id"])
    role_id = vault.api("GET", f"{path}/role-id")["data"]["role_id"]
    return f"role: {role_id}\nlogin_file: {file}"


def _claimant(workspace: Workspace, vault: VaultServer, runner: str) -> tuple[str, str]:
    """A login that may claim a secret, which no runner may: an operator has their own token and
    their own copy of the configuration."""
    token = vault.token("rotation-operator", no_default_policy=False)
    file = workspace.private("operator-token", token)
    text = workspace.configuration.read_text()
    for old, new in zip(runner.splitlines(), ("auth: token", f"login_file: {file}"), strict=True):
        text = text.replace(old, new)
    return "--config", str(workspace.private("operator.yaml", text))


def _permit(workspace: Workspace, vault: VaultServer) -> None:
    """Every policy is what the product prints: for each permission set, the login, the readers."""
    lines: list[str] = []
    if workspace.rotation("policy", "vault", "-o", "json", heard=lines.append).wait():
        raise OSError("`rotation policy vault` failed")
    documents: list[dict[str, Any]] = json.loads("\n".join(lines))["documents"]
    entity = _entity(vault)
    for document in documents:
        holder = document["holder"]
        name = holder if holder.startswith("read-") else f"rotation-{holder}"
        text = re.sub(r'ENTITY-OF-[^/"]+', entity, document["document"])
        vault.api("PUT", f"sys/policies/acl/{name}", {"policy": text})
        if holder in set(PermissionSet):
            rules = {"allowed_policies": [name]}
            vault.api("POST", f"auth/token/roles/{name}", rules)


def _entity(vault: VaultServer) -> str:
    """The role's entity, found as the remark beside the policy says; Vault makes it at a login."""
    if not _lets_in(vault, _current(vault, BILLING)["data"]["secret_id"]):
        raise OSError("the first secret id does not log in")
    mounts = vault.api("GET", "sys/auth")["data"]
    accessor = mounts["approle/"]["accessor"]
    alias = {"alias_name": _role_id(vault), "alias_mount_accessor": accessor}
    return str(vault.api("POST", "identity/lookup/entity", alias)["data"]["id"])


def _role_id(vault: VaultServer) -> str:
    return str(vault.api("GET", f"{ROLE}/role-id")["data"]["role_id"])


def _lets_in(vault: VaultServer, secret_id: str) -> bool:
    """One login, whose token is revoked at once."""
    body = {"role_id": _role_id(vault), "secret_id": secret_id}
    try:
        made = vault.api("POST", "auth/approle/login", body, token="")
    except Refused:
        return False
    vault.api("POST", "auth/token/revoke-self", token=made["auth"]["client_token"])
    return True


def _live(name: str) -> str:
    return f"{MOUNT}/data/{APPLICATIONS[name]}"


def _current(vault: VaultServer, name: str) -> dict[str, Any]:
    return _asked(vault, "GET", _live(name))


def _listed(vault: VaultServer, path: str) -> list[str]:
    return list(_asked(vault, "LIST", path).get("keys", ()))


def _asked(vault: VaultServer, method: str, path: str) -> dict[str, Any]:
    """Empty where there is nothing."""
    try:
        return dict(vault.api(method, path)["data"])
    except Refused as refused:
        if refused.status != 404:
            raise
        return {}


def _words(vault: VaultServer) -> Words:
    return Words(
        vendor="Vault",
        about="A real Vault",
        details=(
            f"{vault.address}, its user lockout as it comes, its audit log on",
            "policies: what `rotation policy vault` printed; a token for each of them",
            "an operator signs in otherwise: only people may claim a secret",
            f"a login of the runner lives {RUNNER_TOKEN_S} s unless it is renewed",
        ),
        credential="secret id",
        due="one secret id ends in an hour, the token is old",
        leak="printed by a build job",
        containing="Containing comes first: the role is off, its secret id dies, its tokens end. The "
        "application is without a login until the successor is there; it does not try a refused "
        "secret id twice, for five refusals in a row would lock the role for everybody.",
        other=("rotation demo", "the same on strict AWS"),
        logs=", Vault's log and audit log",
    )
