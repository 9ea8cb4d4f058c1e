"""The stack under Pulumi's own engine, its state in a file: a project of its own beside the real
program."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from infra.settings import ROOT

COMMAND = shutil.which("pulumi")


def missing() -> str:
    """What a run under the engine lacks here; empty where there is all."""
    if COMMAND is None:
        lacks = "pulumi is not on PATH"
    else:
        words = [COMMAND, "plugin", "ls", "--json"]
        listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        there = {(each["kind"], each["name"]) for each in json.loads(listed or "[]")}
        needs = {("resource", "vault")}
        lacks = "".join(f"no {name} plugin" for _, name in needs - there)
    return lacks and f"NOT tested here: {lacks}; nothing of infra/ ran under its engine"


MISSING = missing()
PROJECT, STACK = "taken-from-the-template", "engine"
PATIENCE_S = 240


class Engine:
    """surroundings: what the provider needs, as a person's shell has it."""

    def __init__(self, directory: Path, surroundings: dict[str, str]) -> None:
        self.directory = directory
        self._surroundings = {
            **os.environ,
            **surroundings,
            "PULUMI_BACKEND_URL": directory.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": token_urlsafe(12),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        project = (
            (ROOT / "Pulumi.yaml").read_text().replace("name: rotation", f"name: {PROJECT}", 1)
        )
        (directory / "Pulumi.yaml").write_text(project)
        (directory / "infra").symlink_to(ROOT / "infra")
        (directory / ".venv-infra").symlink_to(sys.prefix)

    def begin(self, **config: str) -> None:
        lines = [f"  {PROJECT}:{key}: {json.dumps(value)}\n" for key, value in config.items()]
        (self.directory / f"Pulumi.{STACK}.yaml").write_text("config:\n" + "".join(lines))
        self.does("stack", "init", STACK)

    def does(self, *words: str, fails: bool = False) -> str:
        """What it prints, diagnostics too."""
        assert COMMAND is not None
        done = subprocess.run(
            [COMMAND, *words, "--non-interactive", "--color", "never"],
            cwd=self.directory, env=self._surroundings, timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) is fails, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def up(self, *words: str, fails: bool = False) -> str:
        return self.does("up", "--yes", "--stack", STACK, *words, fails=fails)

    def preview(self, *words: str, fails: bool = False) -> str:
        return self.does("preview", "--stack", STACK, *words, fails=fails)

    @property
    def bindings(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(
            self.does("stack", "output", "--json", "bindings", "--stack", STACK)
        )
        return told

    @property
    def state(self) -> str:
        return self.does("stack", "export", "--show-secrets", "--stack", STACK)
