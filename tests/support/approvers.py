"""People with SSH keys of their own, made by the real ssh-keygen, who may approve."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from rotation.approvals.signatures import NAMESPACE
from rotation.config.approving import Approvals, Approver, Demands
from tests.support.shell import Shell


@dataclass
class People:
    """bob, carol and dora may approve; alice asks, and `runner` carries out."""

    directory: Path
    keys: dict[str, Path] = field(default_factory=dict)

    @property
    def signers(self) -> Path:
        return self.directory / "allowed_signers"

    def key(self, name: str) -> Path:
        path = self.directory / f"key-{name}"
        if name not in self.keys:
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
            subprocess.run(words, check=True, capture_output=True)
            self.keys[name] = path
        return path

    def line(self, name: str, key: str | None = None) -> str:
        kind, blob = self.key(key or name).with_suffix(".pub").read_text().split()[:2]
        return f"{name} {kind} {blob}\n"

    def allow(self, *names: str) -> None:
        self.signers.write_text("".join(map(self.line, names)))
        self.signers.chmod(0o600)

    def sign(self, name: str, text: str, namespace: str = NAMESPACE) -> Path:
        """By the key of that name, as on another machine."""
        words = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.key(name))]
        done = subprocess.run(words, input=text, check=True, capture_output=True, text=True)
        path = self.directory / f"signed-{name}-{len(list(self.directory.iterdir()))}"
        path.write_text(done.stdout)
        return path


def people(directory: Path) -> People:
    directory.mkdir(mode=0o700, exist_ok=True)
    made = People(directory)
    made.allow("bob", "carol", "dora")
    return made


def demanding(shell: Shell, made: People, asks: Demands) -> Shell:
    """From now on steps of the secret need approval."""
    approvers = tuple(Approver(id=name) for name in ("bob", "carol", "dora", "alice"))
    configuration = shell.configuration
    configuration.approvals = Approvals(allowed_signers="-", approvers=approvers)
    configuration.asks, configuration.allowed_signers = asks, made.signers
    return shell


def request(shell: Shell) -> str:
    """The text to sign."""
    done = shell.run("approve", "app", "--print")
    assert done.exit_code == 0, done.output
    return done.stdout


def approved(shell: Shell, made: People, name: str) -> None:
    signature = made.sign(name, request(shell))
    done = shell.run("approve", "app", "--as", name, "--signature", str(signature))
    assert done.exit_code == 0, done.output
