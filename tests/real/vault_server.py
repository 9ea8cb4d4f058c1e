"""A real Vault on this machine. Without one a test is skipped, or fails where it must not be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from providers.vault.testing import server
from providers.vault.testing.server import Refused, VaultServer, free_port
from tests.real import vault_binary

__all__ = ["Refused", "VaultServer", "free_port", "running"]


@contextmanager
def running(
    directory: Path, storage: str = "inmem", *, tls: tuple[Path, Path] | None = None
) -> Iterator[VaultServer]:
    vault_binary.required()
    with server.running(directory, storage, tls=tls) as vault:
        yield vault
