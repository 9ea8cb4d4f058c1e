"""The stack's Vault half, made in a real Vault."""

from typing import Any

from pulumi.runtime import mocks

from providers.vault.testing.server import Refused, VaultServer
from tests.infra.provider.vault import KINDS
from tests.infra.stack import Cloud, RefusedByProvider

LOOKS = {
    "sys/mounts": ["read"],
    "sys/auth": ["read"],
    "auth/approle/role": ["list"],
    "auth/approle/role/+": ["read"],
    "database/static-roles": ["list"],
}
"""What docs/infra.md says that a preview needs."""


class SeenVault(Cloud):
    """Mocks that look at a real Vault, as the provider does, with no more rights than a preview
    needs. What they make is nowhere."""

    def __init__(self, server: VaultServer) -> None:
        super().__init__()
        self._server = server
        server.policy("preview", LOOKS)
        self._token = server.token("preview", no_default_policy=False)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        name, state = super().new_resource(args)
        if args.custom and args.typ != "pulumi:providers:vault":
            self._make(args)
            state |= self._computed(args)
        return str(state.get("id", name)), state

    def _make(self, args: mocks.MockResourceArgs) -> None:
        """What is seen is there already."""

    def _computed(self, args: mocks.MockResourceArgs) -> dict[str, Any]:
        """What Vault decides of a resource, as the state of the stack has it."""
        match args.typ.rpartition(":")[2]:
            case "AuthBackend":
                reply = self._server.api("GET", f"sys/auth/{args.inputs['path']}")
                return {"accessor": reply["data"]["accessor"]}
            case "AuthBackendRole" if "backend" in args.inputs:
                role = f"auth/{args.inputs['backend']}/role/{args.inputs['roleName']}/role-id"
                return {"roleId": self._server.api("GET", role)["data"]["role_id"]}
            case "Entity":
                reply = self._server.api("GET", f"identity/entity/name/{args.inputs['name']}")
                return {"id": reply["data"]["id"]}
            case _:
                return {}

    def _vault(self, path: str) -> dict[str, Any]:
        """As the provider hands it on: what has no `data` of its own is all data. It asks first
        what is mounted there."""
        self._server.api("GET", f"sys/internal/ui/mounts/{path}", token=self._token)
        reply = self._server.api("GET", path, token=self._token)
        data: dict[str, Any] = reply.get("data") or reply
        return data

    def _listed(self, path: str) -> list[str]:
        try:
            reply = self._server.api("LIST", path, token=self._token)
        except Refused as refused:
            nothing = f'no secrets found at "{path}"'
            raise RefusedByProvider(nothing if refused.status == 404 else str(refused)) from None
        names: list[str] = reply["data"]["keys"]
        return names


class MadeVault(SeenVault):
    """Mocks whose resources really exist afterwards. A type that nobody taught it is an error."""

    def _make(self, args: mocks.MockResourceArgs) -> None:
        KINDS[args.typ].make(self._server.api, args.inputs)
