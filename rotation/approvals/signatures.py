"""Signatures by SSH keys, made and looked at by OpenSSH's own `ssh-keygen`.

The file of allowed signers decides who is who, so it has to belong to root or to this user, must not
be a link, and must give each key to one plain name: a pattern, or one key under two names, would let
one person agree for several.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from rotation.config.approving import ID
from rotation.errors import UsageError
from rotation.runtime import child
from rotation.runtime.ownership import flaws, ordinary

NAMESPACE = "rotation-approval"
SECONDS = 10
BYTES_MAX = 1 << 20
SIGNATURE_BYTES_MAX = 16 * 1024

# What ssh-keygen needs to reach an agent, and to ask for a passphrase.
_OF_A_SIGNER = ("HOME", "SSH_AUTH_SOCK", "TERM", "DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")

_KEY = re.compile(
    r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?=\s|$)"
)


def program() -> Path:
    """`ssh-keygen` of this host. Raises UsageError where there is none."""
    found = shutil.which("ssh-keygen", path=child.PATH)
    if found is None:
        raise UsageError(
            "approval.no-ssh-keygen",
            "this host has no ssh-keygen, so no signature can be looked at",
            "install OpenSSH's client",
        )
    return Path(found)


def read_signers(path: Path) -> bytes:
    """The file, as it is used afterwards. Raises UsageError where it cannot be believed."""
    try:
        found = next(flaws(path), None)
        if found is not None:
            raise _unbelieved(f"{found}", found.remedy)
        with ordinary(path, links=False) as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        why = "it is a link" if path.is_symlink() else error.strerror or "it cannot be read"
        raise _unbelieved(f"{path}: {why}", "name an ordinary file in `allowed_signers:`") from None
    if len(content) > BYTES_MAX:
        raise _unbelieved(f"{path} is too long", "keep only those who may approve in it")
    names(content)
    return content


def names(content: bytes) -> frozenset[str]:
    """Those who have a key. Raises UsageError for a file that gives one key to several."""
    owners: dict[str, str] = {}
    for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, rest = (*line.split(None, 1), "")[:2]
        key = _KEY.search(rest)
        if ID.fullmatch(name) is None or key is None or "cert-authority" in rest[: key.start()]:
            raise _unbelieved(
                f"line {number} of the allowed signers is not one plain name and one key",
                "write `NAME KEYTYPE KEY`, without patterns, lists and authorities",
            )
        if owners.setdefault(key[2], name) != name:
            raise _unbelieved(
                f"line {number} of the allowed signers gives one key to a second name",
                "each person needs a key of their own",
            )
    return frozenset(owners.values())


def _unbelieved(what: str, next_: str) -> UsageError:
    return UsageError("approval.signers", f"{what}; so no signature is believed", next_)


def is_signed(signers: bytes, name: str, text: str, signature: str) -> bool:
    """Whether that person signed exactly that text, for an approval and nothing else."""
    if ID.fullmatch(name) is None or len(signature) > SIGNATURE_BYTES_MAX:
        return False
    command = program()
    with tempfile.TemporaryDirectory(prefix="rotation-") as directory:
        allowed, signed = Path(directory, "allowed"), Path(directory, "signature")
        allowed.write_bytes(signers)
        signed.write_text(signature, encoding="utf-8")
        words = ("-Y", "verify", "-f", str(allowed), "-I", name, "-n", NAMESPACE, "-s", str(signed))
        try:
            return child.run(command, words, {}, text.encode(), SECONDS) == 0
        except (OSError, ValueError, child.TimedOut):
            return False


def signed(key: Path, text: str) -> str:
    """The signature of that text by this key, which may be in the agent; asks for a passphrase on the
    terminal. Raises UsageError where there is none."""
    words = (str(program()), "-Y", "sign", "-n", NAMESPACE, "-f", str(key))
    kept = {name: os.environ[name] for name in _OF_A_SIGNER if name in os.environ}
    done = subprocess.run(  # noqa: S603 -- a program of the system, no shell
        words, input=text.encode(), capture_output=True, check=False,
        env={"PATH": child.PATH, **kept},
    )  # fmt: skip
    if done.returncode != 0:
        raise UsageError(
            "approval.not-signed",
            f"ssh-keygen did not sign with {key}; nothing was recorded",
            f"try it: ssh-keygen -Y sign -n {NAMESPACE} -f {key} FILE",
        )
    return done.stdout.decode("ascii")
