"""What all shows do. Nothing is staged but the furniture: the runner is the product, it is killed by
a real SIGKILL, and every number at the end is measured."""

from __future__ import annotations

import json
import shlex
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rotation.demo.numbers import Measured
from rotation.demo.place import Place
from rotation.demo.program import Heard, Program, nobody
from rotation.demo.screen import Screen
from rotation.demo.tally import Tally

PATIENCE_S = 90.0

Event = Mapping[str, Any]
Here = TypeVar("Here")


class ShowStopped(Exception):
    """Something did not happen that had to; the message says what."""


@dataclass
class Show:
    """What is going on, for all acts. leaking: the secret that the emergency is about."""

    place: Place
    screen: Screen
    leaking: str
    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    events: list[Event] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    runner: Program | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def serve(self) -> Program:
        return self.place.rotation("serve", "--log-level", "debug", heard=self._logged)

    def person(self, *words: str) -> None:
        """Somebody types a command; it has to succeed."""
        self.finished(self.typed(*words), words)

    def together(self, *commands: tuple[str, ...]) -> None:
        """Several people type at the same time."""
        for program, words in [(self.typed(*words), words) for words in commands]:
            self.finished(program, words)

    def typed(self, *words: str, heard: Heard = nobody) -> Program:
        self.screen.line("somebody", f"$ rotation {shlex.join(words)}", "36")
        return self.place.rotation(*words, heard=heard)

    def finished(self, program: Program, words: tuple[str, ...]) -> None:
        code = program.wait()
        if code:
            said = "\n    ".join(program.last_words)
            raise ShowStopped(f"`rotation {' '.join(words)}` ended with {code}:\n    {said}")

    def _logged(self, line: str) -> None:
        try:
            event: Event = json.loads(line)
        except ValueError:
            return
        with self._changed:
            self.events.append({**event, "heard": time.monotonic()})
            self._changed.notify_all()
        self.screen.event(event)

    def await_event(self, name: str, secret: str, *, after: int = 0) -> Event:
        """The first such event of the runners' logs from the number `after` on; without a name,
        the first one of that secret."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._find(name, secret, after), PATIENCE_S):
                raise ShowStopped(f"{secret}: {name} never came")
            found = self._find(name, secret, after)
        assert found is not None
        return found

    def _find(self, name: str, secret: str, after: int) -> Event | None:
        wanted = (
            event
            for event in self.events[after:]
            if event.get("secret") == secret and event["event"].endswith(f".{name}" if name else "")
        )
        return next(wanted, None)

    def at_work(self, *names: str) -> None:
        """The applications of these secrets use them."""
        for name in names:
            if not self.tallies[name].wait_for_calls(1, PATIENCE_S):
                raise ShowStopped(f"the application of {name} did not start")

    def kill_and_take_over(self, secret: str, what: str) -> int:
        """The runner dies at the worst moment: something was minted, its bytes are on their way.
        How many events were logged before its successor."""
        first = self.serve()
        minted = self.await_event("minted", secret)
        killed = time.monotonic()
        first.kill()
        self.measured.kill_after_ms = 1000 * (killed - minted["heard"])
        self.screen.line("somebody", f"kill -9: the runner is dead, with {what} in flight", "31")
        seen = len(self.events)
        self.runner = self.serve()
        taken_over = self.await_event("", secret, after=seen)["heard"]
        self.measured.takeover_s = taken_over - killed
        self.screen.line(
            "runner",
            f"a new one went on {taken_over - killed:.1f} s after the kill, its own start included",
        )
        return seen

    def emergency(self, reason: str) -> None:
        """Typed by a person who does not wait for the runner; to its end."""
        seen = len(self.events)
        words = ("emergency", self.leaking, "--yes", "--reason", reason)
        program = self.typed(*words, heard=self._until_contained())
        self.await_event("closed", self.leaking, after=seen)
        self.finished(program, words)

    def _until_contained(self) -> Heard:
        """What the command says up to there; the rest is in the runner's log."""
        contained = threading.Event()

        def heard(line: str) -> None:
            if not contained.is_set():
                self.screen.line("", line, "31" if "is off" in line else "")
            if "the issuer says" in line:
                contained.set()

        return heard

    def end(self) -> None:
        """The applications go on for a second, then everything stops, they last."""
        self.screen.title("The applications go on for a moment, then the runner is told to stop")
        for tally in self.tallies.values():
            tally.wait_for_calls(10, 10)
        assert self.runner is not None
        told = time.monotonic()
        self.measured.stop_code = self.runner.end()
        self.measured.stop_s = time.monotonic() - told
        self.person("journal", "check")
        self.typed("status", heard=lambda line: self.screen.line("", line)).wait()
        for application in self.place.applications:
            application.finish()

    def counted(self) -> str:
        """How the applications fare, in one line."""
        told = list(self.tallies.values())
        calls = sum(tally.calls for tally in told)
        off = len(self.tallies[self.leaking].refused_with(self.measured.contained))
        refused = sum(len(tally.refusals) for tally in told) - off
        emergency = f", {off} refused in the emergency" if off else ""
        return f" {self.screen.seconds:5.1f} s  {calls:,} logins, {refused} failed{emergency} "


def perform(
    title: str,
    stage: Callable[[Path], AbstractContextManager[Here]],
    play: Callable[[Here, Screen], int],
) -> int:
    """The whole show in a directory of its own; 0 only if every number is what it must be."""
    screen = Screen()
    screen.say(title, "1")
    with tempfile.TemporaryDirectory(prefix="rotation-demo-") as directory:
        try:
            with stage(Path(directory).resolve()) as here:
                return play(here, screen)
        except ShowStopped as stopped:
            screen.say(f"the show stopped: {stopped}", "31")
            return 1
