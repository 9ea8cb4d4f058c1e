"""An evaluator of IAM policies that others wrote, in one Node process: the tests' oracle."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import pytest

SOURCE = Path(__file__).parent / "evaluator"
FILES = ("package.json", "package-lock.json", "evaluate.mjs")
REQUIRED = bool(os.environ.get("CI") or os.environ.get("ROTATION_REQUIRE_REAL"))

UNKNOWN_KEY = ("kms:EncryptionContext:SecretARN", "aws:RequestTag/EncryptionContextSecretARN")
"""It drops this key from a request. Under another name, in the request and in the policies, the
same operators compare the same values."""

SERVICE_CONTROL = [
    {
        "orgIdentifier": "root",
        "policies": [
            {
                "name": "FullAWSAccess",
                "policy": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                },
            }
        ],
    }
]


@dataclass(frozen=True, kw_only=True)
class Question:
    """May this principal do this? policies: of the principal; boundary: None where there is none;
    resource_policy: of the resource."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, Any]
    policies: Sequence[Mapping[str, Any]]
    boundary: Mapping[str, Any] | None = None
    resource_policy: Mapping[str, Any] | None = None

    def simulation(self) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": {
                    "resource": self.resource,
                    "accountId": self.context["aws:ResourceAccount"],
                },
                "contextVariables": {
                    key: value if isinstance(value, list) else str(value)
                    for key, value in self.context.items()
                },
            },
            "identityPolicies": [
                {"name": f"p{n}", "policy": each} for n, each in enumerate(self.policies)
            ],
            "serviceControlPolicies": SERVICE_CONTROL,
            "resourceControlPolicies": [],
        }
        if self.boundary is not None:
            asked["permissionBoundaryPolicies"] = [{"name": "boundary", "policy": self.boundary}]
        if self.resource_policy is not None:
            asked["resourcePolicy"] = self.resource_policy
        return asked


class Evaluator:
    """Answers in the order of asking; the same question is asked once."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._known: dict[str, bool] = {}

    def allows(self, question: Question) -> bool:
        line = json.dumps(question.simulation(), sort_keys=True).replace(*UNKNOWN_KEY)
        if line not in self._known:
            self._known[line] = self._ask(line, question)
        return self._known[line]

    def _ask(self, line: str, question: Question) -> bool:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, (question.action, answer["error"])
        return answer["result"] == "Allowed"


@contextmanager
def running() -> Iterator[Evaluator]:
    process = subprocess.Popen(
        ["node", str(_installed() / "evaluate.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Evaluator(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.wait(10)


def _installed() -> Path:
    """Installed once, outside of the work tree, by what its files say."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing = "no Node: the compiled policies are enforced by an evaluator that needs it"
        (pytest.fail if REQUIRED else pytest.skip)(missing)
    content = b"".join((SOURCE / name).read_bytes() for name in FILES)
    kept = platformdirs.user_cache_path("rotation-tests") / (
        f"evaluator-{hashlib.sha256(content).hexdigest()[:16]}"
    )
    if not (kept / "ready").exists():
        making = kept.with_name(f"{kept.name}.{os.getpid()}")
        making.mkdir(parents=True)
        for name in FILES:
            shutil.copy(SOURCE / name, making)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
            cwd=making, check=True, capture_output=True,
        )  # fmt: skip
        (making / "ready").touch()
        try:
            making.rename(kept)
        except OSError:  # somebody else was faster
            shutil.rmtree(making)
    return kept
