"""The scenario, act by act. Only its setting is made up: the runner is the product, it is killed by
a real SIGKILL, and every number at the end is measured."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rotation.demo.counter import Counter
from rotation.demo.environment import (
    APPLICATIONS,
    BILLING,
    DAYS_OLD,
    ORDERS,
    PARTNER,
    SERVICES,
    Environment,
    Version,
)
from rotation.demo.program import Heard, Program, nobody
from rotation.demo.screen import Screen
from rotation.demo.workspace import Workspace
from rotation.runtime.clock import SystemClock

PATIENCE_S = 90.0

Event = Mapping[str, Any]


class ScenarioStopped(Exception):
    """Something that had to happen did not; the message says what."""


@dataclass
class Measured:
    """contained: the public id of what the emergency switched off."""

    kill_after_ms: float = 0.0
    takeover_s: float = 0.0
    contained: str = ""
    contained_s: float = 0.0
    stop_code: int = -1
    stop_s: float = 0.0


@dataclass
class Scenario:
    """The state of the scenario over all acts. held: every value that readers ever got."""

    environment: Environment
    workspace: Workspace
    screen: Screen
    counters: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    events: list[Event] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    held: set[Version] = field(default_factory=set)
    runner: Program | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def play(self) -> None:
        with self.screen.below(self.counted):
            for act in (self.raise_curtain, self.enrol, self.kill_and_take_over, self.leak):
                act()
                self.remember()
            self.end()

    def raise_curtain(self) -> None:
        words, screen = self.environment.words, self.screen
        screen.title(f"{words.about}, services with passwords, applications that use them")
        screen.line(words.vendor, words.details[0])
        for detail in words.details[1:]:
            screen.line("", detail)
        self.remember()
        self.at_work(BILLING, PARTNER)
        screen.line(
            "applications", "log in up to 20 times a second, with what the store gives them"
        )
        screen.line("", "what takes seconds here takes hours and days in production")

    def enrol(self) -> None:
        self.screen.title("Three secrets come under rotation; nothing is replaced yet")
        made = SystemClock().now() - timedelta(days=DAYS_OLD)
        claimant = self.environment.claimant
        self.together(
            ("adopt", BILLING, *claimant, "--yes", "--wait"),
            ("adopt", PARTNER, *claimant, "--created", f"{made:%Y-%m-%d}", "--yes", "--wait"),
            ("create", ORDERS, *claimant, "--wait"),
        )
        self.at_work(ORDERS)

    def kill_and_take_over(self) -> None:
        """Kills the runner at the worst moment: after a mint, while the bytes are on their way."""
        words = self.environment.words
        self.screen.title(f"`rotation serve` begins: {words.due}")
        first = self.serve()
        minted = self.await_event("minted", BILLING)
        killed = time.monotonic()
        first.kill()
        self.measured.kill_after_ms = 1000 * (killed - minted["heard"])
        self.screen.line(
            "somebody",
            f"kill -9: the runner is dead, with a new {words.credential} in flight",
            "31",
        )
        self.environment.runner_was_killed()
        seen = len(self.events)
        self.runner = self.serve()
        self.measured.takeover_s = self.await_event("", BILLING, after=seen)["heard"] - killed
        self.screen.line(
            "runner",
            f"a new one went on {self.measured.takeover_s:.1f} s after the kill, its own start included",
        )
        rotate = ("rotate", ORDERS)
        by_hand = self.typed(*rotate)
        for name in APPLICATIONS:
            self.await_event("closed", name, after=seen)
        self.finished(by_hand, rotate)

    def leak(self) -> None:
        """The operator contains at once and leaves the rest to the runner."""
        words = self.environment.words
        self.screen.title(f"Emergency: the new {words.credential} is {words.leak}")
        self.screen.say(f"          {words.containing}")
        leaked = self.measured.contained = self.environment.versions(BILLING)[0].public
        begun, seen = SystemClock().now().timestamp(), len(self.events)
        emergency = ("emergency", BILLING, "--yes", "--reason", words.leak)
        program = self.typed(*emergency, heard=self._until_contained())
        self.await_event("closed", BILLING, after=seen)
        self.finished(program, emergency)
        contained = self.environment.contained_at(leaked, begun)
        if contained is None:
            raise ScenarioStopped(f"{words.vendor} knows of no containment")
        self.measured.contained_s = contained - begun

    def end(self) -> None:
        """The applications go on for a second; then everything stops, the applications last."""
        self.screen.title("The applications go on for a moment, then the runner is told to stop")
        for counter in self.counters.values():
            counter.wait_for_calls(10, 10)
        assert self.runner is not None
        began = time.monotonic()
        self.measured.stop_code = self.runner.end()
        self.measured.stop_s = time.monotonic() - began
        self.person("journal", "check")
        self.typed("status", heard=lambda line: self.screen.line("", line)).wait()
        for application in self.workspace.applications:
            application.finish()

    def remember(self) -> None:
        """Keeps the current values, because what is replaced next may be gone at the end."""
        for name in APPLICATIONS:
            self.held.update(self.environment.versions(name))

    def at_work(self, *names: str) -> None:
        """Starts the applications of these secrets."""
        for name in names:
            orders = {"name": name, "port": self.workspace.services.port if name in SERVICES else 0}
            if name == ORDERS:
                orders["file"] = str(self.workspace.handed)
            else:
                orders.update(self.environment.access(name))
            self.workspace.application(
                self.environment.consumer, name, json.dumps(orders), self.counters[name].heard
            )
        for name in names:
            if not self.counters[name].wait_for_calls(1, PATIENCE_S):
                raise ScenarioStopped(f"the application of {name} did not start")

    def serve(self) -> Program:
        return self.workspace.rotation("serve", "--log-level", "debug", heard=self._logged)

    def person(self, *words: str) -> None:
        """Types a command, which has to succeed."""
        self.finished(self.typed(*words), words)

    def together(self, *commands: tuple[str, ...]) -> None:
        """Types several commands at the same time, as several people would."""
        for program, words in [(self.typed(*words), words) for words in commands]:
            self.finished(program, words)

    def typed(self, *words: str, heard: Heard = nobody) -> Program:
        self.screen.line("somebody", f"$ rotation {shlex.join(words)}", "36")
        return self.workspace.rotation(*words, heard=heard)

    def finished(self, program: Program, words: tuple[str, ...]) -> None:
        code = program.wait()
        if code:
            said = "\n    ".join(program.last_words)
            raise ScenarioStopped(f"`rotation {' '.join(words)}` ended with {code}:\n    {said}")

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
        """The first such event in the runners' logs from number `after` on; without a name, the
        first one of that secret."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._find(name, secret, after), PATIENCE_S):
                raise ScenarioStopped(f"{secret}: {name} never came")
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

    def _until_contained(self) -> Heard:
        """The command's output up to the containment; the rest is in the runner's log."""
        contained = threading.Event()

        def heard(line: str) -> None:
            if not contained.is_set():
                self.screen.line("", line, "31" if "the issuer accepted" in line else "")
            if "the issuer accepted" in line:
                contained.set()

        return heard

    def counted(self) -> str:
        """The applications' counts in one line."""
        counters = list(self.counters.values())
        calls = sum(counter.calls for counter in counters)
        off = len(self.counters[BILLING].refused_with(self.measured.contained))
        refused = sum(len(counter.refusals) for counter in counters) - off
        emergency = f", {off} refused in the emergency" if off else ""
        return f" {self.screen.seconds:5.1f} s  {calls:,} logins, {refused} failed{emergency} "
