"""The show, act by act. Nothing in it is staged but the furniture: the runner is the product, it
is killed by a real SIGKILL, and every number at the end is measured."""

from __future__ import annotations

import json
import shlex
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from providers.aws.demo.screen import Screen
from providers.aws.demo.stage import (
    BILLING,
    DAYS_OLD,
    ORDERS,
    PARTNER,
    STORED,
    Heard,
    Program,
    Stage,
    stage,
)
from providers.aws.demo.tally import Tally
from providers.aws.demo.verdict import Measured, verdict
from rotation.clock import SystemClock

PATIENCE_S = 90.0
REASON = "pasted into a public chat"

Event = Mapping[str, Any]


class ShowStopped(Exception):
    """Something did not happen that had to; the message says what."""


@dataclass
class Show:
    """What is going on, for all acts."""

    here: Stage
    screen: Screen
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in STORED})
    events: list[Event] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    runner: Program | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    # ----------------------------------------------------------------------------------- parts

    def application(self, name: str, kind: str) -> None:
        self.here.application(name, kind, self.tallies[name].heard)

    def serve(self) -> Program:
        return self.here.rotation("serve", "--log-level", "debug", heard=self._logged)

    def person(self, *words: str) -> None:
        """Somebody types a command; it has to succeed."""
        self._finished(self.typed(*words), words)

    def typed(self, *words: str, heard: Heard = lambda line: None) -> Program:
        self.screen.line("somebody", f"$ rotation {shlex.join(words)}", "36")
        return self.here.rotation(*words, heard=heard)

    def _finished(self, program: Program, words: tuple[str, ...]) -> None:
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

    # ------------------------------------------------------------------------------------ acts

    def enrol(self) -> None:
        self.screen.title("Three secrets come under rotation; nothing is replaced yet")
        made = SystemClock().now() - timedelta(days=DAYS_OLD)
        commands = [
            ("adopt", BILLING, "--wait"),
            ("adopt", PARTNER, "--created", f"{made:%Y-%m-%d}", "--wait"),
            ("create", ORDERS, "--wait"),
        ]
        begun = [(self.typed(*words), words) for words in commands]
        for program, words in begun:
            self._finished(program, words)
        self.application(ORDERS, "service")

    def kill_and_take_over(self) -> None:
        """The runner dies at the worst moment: a key was minted, its bytes are on their way."""
        self.screen.title("`rotation serve` begins: two secrets are 100 days old, 90 are allowed")
        first = self.serve()
        minted = self.await_event("minted", BILLING)
        killed = time.monotonic()
        first.kill()
        self.measured.kill_after_ms = 1000 * (killed - minted["heard"])
        self.screen.line("somebody", "kill -9: the runner is dead, with a new key in flight", "31")
        seen = len(self.events)
        self.runner = self.serve()
        taken_over = self.await_event("", BILLING, after=seen)["heard"]
        self.measured.takeover_s = taken_over - killed
        self.screen.line(
            "runner",
            f"a new one went on {taken_over - killed:.1f} s after the kill, its own start included",
        )
        by_hand = self.typed("rotate", ORDERS)
        for name in (BILLING, PARTNER, ORDERS):
            self.await_event("closed", name, after=seen)
        self._finished(by_hand, ("rotate", ORDERS))

    def emergency(self) -> None:
        self.screen.title("Emergency: the new key is pasted into a public chat")
        self.screen.say(
            "          Containing comes first: the application is without a key until its"
        )
        self.screen.say("          successor is there. What that costs is counted, and told below.")
        seen, leaked = len(self.events), self.here.current_key()
        self.measured.contained = leaked
        words = ("emergency", BILLING, "--yes", "--reason", REASON)
        begun = SystemClock().now()
        program = self.typed(*words, heard=self._until_contained())
        self.await_event("closed", BILLING, after=seen)
        self._finished(program, words)
        self.measured.contained_s = self.here.suspended_at(leaked) - begun.timestamp()

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
        """The applications go on for a second, then everything stops in order."""
        self.screen.title("The applications go on for a moment, then the runner is told to stop")
        for tally in self.tallies.values():
            tally.wait_for_calls(10, 10)
        assert self.runner is not None
        told = time.monotonic()
        self.measured.stop_code = self.runner.end()
        self.measured.stop_s = time.monotonic() - told
        self.person("journal", "check")
        self.typed("status", heard=lambda line: self.screen.line("", line)).wait()

    def counted(self) -> str:
        """How the applications fare, in one line."""
        calls = sum(tally.calls for tally in self.tallies.values())
        off = len(self.tallies[BILLING].refused_with(self.measured.contained))
        refused = sum(len(tally.refusals) for tally in self.tallies.values()) - off
        emergency = f", {off} refused in the emergency" if off else ""
        return f" {self.screen.seconds:5.1f} s  {calls:,} logins, {refused} failed{emergency} "


def show() -> int:
    """The whole show; 0 only if every number is what it must be."""
    screen = Screen()
    screen.say("rotation demo: real rotations on this machine; no account, no network", "1")
    with tempfile.TemporaryDirectory(prefix="rotation-demo-") as directory:
        try:
            with stage(Path(directory).resolve()) as here:
                running = Show(here, screen)
                with screen.below(running.counted):
                    _acts(running)
                return verdict(here, screen, running.tallies, running.events, running.measured)
        except ShowStopped as stopped:
            screen.say(f"the show stopped: {stopped}", "31")
            return 1


def _acts(running: Show) -> None:
    screen, here = running.screen, running.here
    screen.title("The stage: a strict AWS, a service with passwords, applications that use them")
    screen.line(
        "aws", f"{here.aws.endpoint}, a process of its own: signatures, quotas, propagation"
    )
    running.application(BILLING, "aws")
    running.application(PARTNER, "service")
    for name in (BILLING, PARTNER):
        if not running.tallies[name].wait_for_calls(1, PATIENCE_S):
            raise ShowStopped(f"the application of {name} did not start")
    screen.line("applications", "log in 20 times a second each, with what the store gives them")
    screen.line(
        "", "what takes seconds here (settle, grace, soak) takes hours and days in production"
    )
    running.enrol()
    running.kill_and_take_over()
    running.emergency()
    running.end()
