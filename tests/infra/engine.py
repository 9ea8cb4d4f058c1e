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


def missing(*plugins: str) -> str:
    """What a run under the engine lacks here; empty where there is all."""
    if COMMAND is None:
        lacks = "pulumi is not on PATH"
    elif shutil.which("pulumi-language-python") is None:
        lacks = "pulumi-language-python is not on PATH"
    else:
        words = [COMMAND, "plugin", "ls", "--json"]
        listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        there = {each["name"] for each in json.loads(listed or "[]") if each["kind"] == "resource"}
        lacks = " and ".join(
            f"no {name} plugin"
            for name in plugins
            if name not in there and shutil.which(f"pulumi-resource-{name}") is None
        )
    return lacks and f"NOT tested here: {lacks}; nothing of infra/ ran under its engine"


PROJECT, STACK = "taken-from-the-template", "engine"
PATIENCE_S = 400

PLUGIN = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m tests.infra.provider "$@"
"""
"""In place of the AWS provider's."""


class Engine:
    """surroundings: what the provider needs, as a person's shell has it."""

    def __init__(self, directory: Path, surroundings: dict[str, str], stack: str = STACK) -> None:
        self.directory, self.stack = directory, stack
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
        stand_in = "plugins:\n  providers: [{name: aws, path: plugins}]\n"
        (directory / "Pulumi.yaml").write_text(project + stand_in)
        (directory / "infra").symlink_to(ROOT / "infra")
        (directory / ".venv-infra").symlink_to(sys.prefix)
        (directory / "plugins").mkdir()
        plugin = directory / "plugins" / "pulumi-resource-aws"
        plugin.write_text(PLUGIN)
        plugin.chmod(0o700)

    def begin(self, **config: Any) -> None:
        lines = [f"  {PROJECT}:{key}: {json.dumps(value)}\n" for key, value in config.items()]
        (self.directory / f"Pulumi.{self.stack}.yaml").write_text("config:\n" + "".join(lines))
        self.does("stack", "init", self.stack)

    def started(self, *words: str) -> subprocess.Popen[str]:
        assert COMMAND is not None
        return subprocess.Popen(
            [COMMAND, *words, "--non-interactive", "--color", "never"],
            cwd=self.directory, env=self._surroundings, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def does(self, *words: str, fails: bool = False) -> str:
        """What it prints, diagnostics too."""
        with self.started(*words) as done:
            out, err = done.communicate(timeout=PATIENCE_S)
        assert (done.returncode != 0) is fails, f"{words}: {out}\n{err}"
        return out + err

    def up(self, *words: str, fails: bool = False) -> str:
        return self.does(
            "up", "--yes", "--skip-preview", "--stack", self.stack, *words, fails=fails
        )

    def preview(self, *words: str, fails: bool = False) -> str:
        return self.does("preview", "--stack", self.stack, *words, fails=fails)

    @property
    def bindings(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(
            self.does("stack", "output", "--json", "bindings", "--stack", self.stack)
        )
        return told

    @property
    def written_at(self) -> float:
        """When something was noted in the state."""
        file = self.directory / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"
        return file.stat().st_mtime if file.exists() else 0.0

    @property
    def state(self) -> str:
        return self.does("stack", "export", "--show-secrets", "--stack", self.stack)
