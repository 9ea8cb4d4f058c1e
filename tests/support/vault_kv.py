"""A KV store of a real Vault, and what is in it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from providers.vault.kv2 import KvStore
from providers.vault.options import KvOptions
from rotation.interfaces import Store
from rotation.testing import CallFault
from rotation.types import (
    Credential,
    Fields,
    Handle,
    SecretValue,
)
from tests.real.vault_server import Refused, VaultServer
from tests.support.vault import INSTALLATION

FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32
REQUESTS = {
    "state": ("GET", "kv/metadata/"),
    "stage": ("POST", "pending/data/"),
    "read": ("GET", "/data/"),
    "promote": ("PATCH", "kv/data/"),
    "unlabel": ("DELETE", "pending/metadata/"),
    "mark_compromised": ("PATCH", "kv/metadata/"),
    "claim": ("PATCH", "kv/metadata/"),
}


def credential(number: int) -> Credential:
    return Credential(
        handle=Handle(id=f"AKIAEXAMPLE{number}"),
        fields=Fields(
            public={"access_key_id": f"AKIAEXAMPLE{number}"},
            secret={"secret_access_key": SecretValue(f"not/a+secret-{number:04}")},
        ),
    )


@dataclass
class Bench:
    store: Store
    vault: VaultServer
    mount: str
    staging: str
    stream: str
    inject_fault: Callable[[str, str, CallFault], AbstractContextManager[None]]
    installation: str = INSTALLATION
    path: str = "team/app"

    def credential(self, number: int) -> Credential:
        return credential(number)

    def data(self, number: int = 0) -> Mapping[str, object]:
        return self.vault.api("GET", f"{self.mount}/data/{self.path}?version={number}")["data"][
            "data"
        ]

    def seen(self) -> Mapping[str, str] | None:
        try:
            return self.data()
        except Refused:
            return None

    def given(self, new: Credential) -> Mapping[str, str]:
        return {
            "id": new.fields.public["access_key_id"],
            "secret": new.fields.secret["secret_access_key"].reveal(),
        }

    def metadata(self) -> dict:
        return self.vault.api("GET", f"{self.mount}/metadata/{self.path}")["data"]

    def write(self, data: Mapping[str, object]) -> int:
        """A person replaces the secret; returns the number of the new version."""
        try:
            over = self.metadata()["current_version"]
        except Refused:
            over = 0
        body = {"options": {"cas": over}, "data": data}
        return self.vault.api("POST", f"{self.mount}/data/{self.path}", body)["data"]["version"]

    def edit(self, fields: Mapping[str, str]) -> None:
        self.write({**(self.seen() or {}), **fields})

    def annotate(self, **entries: str | None) -> None:
        body = {"custom_metadata": {f"rotation:{key}": value for key, value in entries.items()}}
        self.vault.api("PATCH", f"{self.mount}/metadata/{self.path}", body)

    def move_current(self, version: str) -> None:
        custom = self.metadata()["custom_metadata"]
        [number] = [
            entry.partition(":")[0] for entry in custom.values() if entry.endswith(f":{version}")
        ]
        self.annotate(current=f"{number},{self.write(self.data(int(number)))}:{version}")

    def settings(self, **settings: object) -> None:
        self.vault.api("POST", f"{self.mount}/metadata/{self.path}", settings)

    def remove(self) -> None:
        self.vault.api("DELETE", f"sys/mounts/{self.mount}")

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        return self.inject_fault(*REQUESTS[operation], kind)

    def adopted(self) -> str:
        """A secret that somebody else wrote; its version."""
        return f"kv-{self.write({**self.given(credential(1)), 'elsewhere': 'kept'})}"


@pytest.fixture
def bench(vault, mounts, inject_fault, context) -> Bench:
    mount, staging = mounts
    options = KvOptions(connection="main", mount=mount, path=Bench.path, staging=staging)
    return Bench(KvStore(options, context), vault, mount, staging, context.stream, inject_fault)


def promoted(bench: Bench) -> tuple[str, str]:
    """A secret that was adopted and rotated once: old and new version."""
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    return old, new
