"""Plays the whole scenario in one environment, in a directory that is removed afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rotation.demo.environment import Environment
from rotation.demo.report import report
from rotation.demo.scenario import Scenario, ScenarioStopped
from rotation.demo.screen import Screen
from rotation.demo.workspace import Workspace


def perform(title: str, prepare: Callable[[Workspace], Environment]) -> int:
    """Returns 0 only if every number is what it must be."""
    screen = Screen()
    screen.say(title, "1")
    with tempfile.TemporaryDirectory(prefix="rotation-demo-") as directory, ExitStack() as stack:
        workspace = Workspace(root=Path(directory).resolve(), stack=stack)
        scenario = Scenario(prepare(workspace), workspace, screen)
        try:
            scenario.play()
        except ScenarioStopped as stopped:
            screen.say(f"the demo stopped: {stopped}", "31")
            return 1
        return report(scenario)
