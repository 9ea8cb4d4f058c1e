"""Keys of checkpoints: Ed25519, in PEM files."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotation.errors import UsageError
from rotation.runtime.ownership import ordinary, refuse_read_by_others

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

BYTES_MAX = 16 * 1024
ID_LENGTH = 16


class PrivateKey:
    """Signs. Its file is readable by this user alone."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @property
    def id(self) -> str:
        return self.public.id

    def sign(self, content: bytes) -> bytes:
        return self._key.sign(content)


class PublicKey:
    def __init__(self, key: "Ed25519PublicKey") -> None:
        self._key = key
        self.id = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:ID_LENGTH]

    def verifies(self, content: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- an extra

        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    @property
    def pem(self) -> str:
        serialization = _serialization()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.PEM, form).decode()


def new_key(path: Path) -> PrivateKey:
    """Makes one, in a file that must not exist yet and that only this user may read."""
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            "audit.key", f"{path} cannot be made: {error.strerror}", "name a new file"
        ) from None
    return PrivateKey(key)


def read_private(path: Path) -> PrivateKey:
    """Raises UsageError for a file that others may read or change, and for one that is no such key."""
    try:
        refuse_read_by_others(path)
        with ordinary(path) as file:
            content = file.read(BYTES_MAX)
    except OSError as error:
        raise _unusable(path, f"{error.strerror}") from None
    return PrivateKey(_loaded(path, content, private=True))


def read_public(path: Path) -> PublicKey:
    """Of a file with a public key. A private key is not asked for: whoever verifies has none."""
    try:
        with ordinary(path) as file:
            content = file.read(BYTES_MAX)
    except OSError as error:
        raise _unusable(path, f"{error.strerror}") from None
    return PublicKey(_loaded(path, content, private=False))


def _loaded(path: Path, content: bytes, *, private: bool) -> Any:
    serialization = _serialization()
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    try:
        if private:
            key: Any = serialization.load_pem_private_key(content, None)
        else:
            key = serialization.load_pem_public_key(content)
    except Exception:  # noqa: BLE001 -- the library's text might hold what was read
        key = None
    wanted = ed25519.Ed25519PrivateKey if private else ed25519.Ed25519PublicKey
    if not isinstance(key, wanted):
        what = "private" if private else "public"
        raise _unusable(path, f"it is no {what} Ed25519 key in PEM")
    return key


def _unusable(path: Path, why: str) -> UsageError:
    return UsageError(
        "audit.key",
        f"the key {path} cannot be used: {why}",
        "`rotation audit key FILE` makes one, with its public key beside it",
    )


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- an extra
    except ModuleNotFoundError:
        raise UsageError(
            "audit.extra",
            "checkpoints need the extra `keys`; nothing was done",
            "pip install 'rotation[keys]'",
        ) from None
    return serialization
