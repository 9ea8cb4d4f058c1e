"""The stack under Pulumi's own engine, its state in a file: a project of its own beside the real
program."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from infra.settings import ROOT
from tests.infra.provider.__main__ import HELD

COMMAND = shutil.which("pulumi")


def missing(*plugins: str) -> str:
    """What a run under the engine lacks here; empty where there is all."""
    if COMMAND is None:
        lacks = "pulumi is not on PATH"
    elif shutil.which("pulumi-language-python") is None:
        lacks = "pulumi-language-python is not on PATH"
    else:
        there = _plugins(COMMAND) if plugins else set()
        lacks = " and ".join(
            f"no {name} plugin"
            for name in plugins
            if name not in there and shutil.which(f"pulumi-resource-{name}") is None
        )
    return lacks and f"NOT tested here: {lacks}; nothing of infra/ ran under its engine"


@cache
def _plugins(command: str) -> set[str]:
    words = [command, "plugin", "ls", "--json"]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return {each["name"] for each in json.loads(listed or "[]") if each["kind"] == "resource"}


PROJECT, STACK = "taken-from-the-template", "engine"
PATIENCE_S = 1200

PLUGIN = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m tests.infra.provider {{name}} "$@"
"""
"""In place of the real provider's."""

QUIET_S = 4
"""Nothing is noted for so long: what goes on waits for an answer."""


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
            HELD: str(directory / "held"),
        }
        (directory / "infra").symlink_to(ROOT / "infra")
        (directory / ".venv-infra").symlink_to(sys.prefix)
        (directory / "plugins").mkdir()
        self._stands_in("aws", *(["vault"] if missing("vault") else []))

    def _stands_in(self, *names: str) -> None:
        """Ours in place of these providers' plugins."""
        project = (
            (ROOT / "Pulumi.yaml").read_text().replace("name: rotation", f"name: {PROJECT}", 1)
        )
        reply = ", ".join(f"{{name: {name}, path: plugins}}" for name in names)
        stand_ins = f"plugins:\n  providers: [{reply}]\n"
        (self.directory / "Pulumi.yaml").write_text(project + stand_ins)
        for name in names:
            plugin = self.directory / "plugins" / f"pulumi-resource-{name}"
            plugin.write_text(PLUGIN.format(name=name))
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
        reply: dict[str, Any] = json.loads(
            self.does("stack", "output", "--json", "bindings", "--stack", self.stack)
        )
        return reply

    def killed(self, during: str) -> None:
        """An `up` that dies while resources of these kinds are made, and not told of yet. No real
        plugin can be held at that moment, so ours stands in for all of them."""
        self._stands_in("aws", "vault")
        held = self.directory / "held"
        held.write_text(during)
        try:
            with self.started("up", "--yes", "--skip-preview", "--stack", self.stack) as run:
                while not (self._begins(during) and time.time() - self._written_at > QUIET_S):
                    assert run.poll() is None, run.communicate()
                    time.sleep(0.2)
                run.kill()
        finally:
            held.unlink()

    def goes_on(self) -> str:
        """After such an `up`, as the documents tell it. Returns what was told."""
        self.does("cancel", "--yes", self.stack)
        exported = self.does("stack", "export", "--stack", self.stack)
        done = subprocess.run(
            [sys.executable, "-m", "infra.interrupted"], input=exported,
            cwd=self.directory, env=self._surroundings, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (self.directory / "settled.json").write_text(done.stdout)
        self.does("stack", "import", "--file", "settled.json", "--stack", self.stack)
        return done.stderr

    def _begins(self, kind: str) -> bool:
        if not self._file.exists():
            return False
        latest = json.loads(self._file.read_text())["checkpoint"]["latest"] or {}
        begun = latest.get("pending_operations") or []
        return any(re.search(kind, each["resource"]["urn"]) for each in begun)

    @property
    def _written_at(self) -> float:
        """When something was noted in the state."""
        return self._file.stat().st_mtime if self._file.exists() else 0.0

    @property
    def _file(self) -> Path:
        return self.directory / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"

    @property
    def state(self) -> str:
        return self.does("stack", "export", "--show-secrets", "--stack", self.stack)
