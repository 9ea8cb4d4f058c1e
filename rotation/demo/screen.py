"""What the user of the demo reads: a line for each event, with its purpose."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

WIDTH = 80

_STEPS = {
    "issued": "a second credential exists and its bytes are staged; nobody uses it yet",
    "activated": "the service accepts it beside the old one",
    "verified": "it logs in, {logins} times, and a wrong secret is refused",
    "promoted": "readers of the store get the new one from now on",
    "delivered": "{subject} was given it",
    "confirmed": "{subject} has moved ({evidence})",
    "live-verified": "what readers get logs in",
    "drained": "everybody had time to move",
    "suspended": "the old one is off, and could still come back",
    "off-proved": "a login with the old one is refused",
    "soaked": "nobody missed it",
    "destroyed": "the old one is gone for good",
    "death-proved": "the old one is dead: {grade}",
    "tidied": "no label is left over",
    "placed": "the empty secret holds a marked placeholder",
    "inspected": "it logs in, and this is the key at its issuer that belongs to it",
    "claimed": "the secret carries our owner claim",
    "evidence-saved": "when and where each key was last used is on record",
    "contained": "the leaked key is OFF",
    "swept": "nothing came back, no copy of the old bytes is labelled",
}
_ROTATION = {
    "opened": "{plan} begins ({trigger})",
    "minted": "{new} is made; its id is in the journal before its bytes go anywhere",
    "closed": "{outcome}",
    "held": "HELD: {code}",
    "postponed": "{message}; tries again",
    "doubted": "in doubt: {message}; looks at the world first",
    "refused": "refused: {message}",
}
_SHOWN = frozenset(_STEPS) | frozenset(_ROTATION)


class Screen:
    """Prints lines with the seconds since the start. Everything printed is kept for the scan."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._colours = self._terminal and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._waits: dict[str, str] = {}
        self._below: Callable[[], str] = str
        self.said: list[str] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def below(self, text: Callable[[], str]) -> Iterator[None]:
        """On a terminal, keeps this text under the last line and refreshes it all the time."""
        done = threading.Event()
        self._below = text

        def refresh() -> None:
            while not done.wait(0.2):
                self._print("")

        thread = threading.Thread(target=refresh, daemon=True)
        if self._terminal:
            thread.start()
        try:
            yield
        finally:
            done.set()
            self._below = str
            if self._terminal:
                thread.join()
                self._print("")

    def say(self, text: str = "", style: str = "", *, hang: int = 10) -> None:
        """Breaks long lines between words; hang: the indentation of further lines."""
        with self._lock:
            self.said.append(text)
        for line in wrap(text, WIDTH, subsequent_indent=" " * hang, break_on_hyphens=False) or [""]:
            self._print(self._styled(line, style) + "\n")

    def _print(self, text: str) -> None:
        with self._lock:
            if self._terminal:
                text = f"\r\x1b[K{text}{self._styled(self._below(), '7')}"
            sys.stdout.write(text)
            sys.stdout.flush()

    def title(self, text: str) -> None:
        self.say()
        self.say(f"{self.seconds:5.1f} s  {text}", "1")

    def line(self, who: str, text: str, style: str = "") -> None:
        line = f"{self.seconds:5.1f} s    {who:<14} {text}"
        self.say(line, style, hang=28 if text.startswith("  … ") else 26)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colours and style else text

    def event(self, event: Mapping[str, Any]) -> None:
        """Prints one event of a runner's log in words for a newcomer."""
        name = str(event.get("event", "")).removeprefix("rotation.")
        who = str(event.get("secret") or "runner")
        if name == "waited":
            self._wait(who, event)
        elif name in _SHOWN:
            template = _STEPS.get(name) or _ROTATION[name]
            facts = {**event, "subject": str(event.get("subject", "")).partition(":")[2]}
            self.line(who, template.format_map(_Facts(facts)))

    def _wait(self, who: str, event: Mapping[str, Any]) -> None:
        """Prints a wait once, though it is reported several times."""
        why = str(event.get("why", ""))
        if self._waits.get(who) != why:
            self._waits[who] = why
            self.line(who, f"  … {why}", "2")


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
