"""The show on AWS, act by act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from providers.aws.demo.stage import BILLING, DAYS_OLD, ORDERS, PARTNER, Stage, stage
from providers.aws.demo.verdict import verdict
from rotation.demo.screen import Screen
from rotation.demo.show import Show, perform
from rotation.runtime.clock import SystemClock

REASON = "pasted into a public chat"


@dataclass(kw_only=True)
class AwsShow(Show):
    here: Stage

    def application(self, name: str, kind: str) -> None:
        self.here.uses(name, kind, self.tallies[name].heard)

    def enrol(self) -> None:
        self.screen.title("Three secrets come under rotation; nothing is replaced yet")
        made = SystemClock().now() - timedelta(days=DAYS_OLD)
        self.together(
            ("adopt", BILLING, "--wait"),
            ("adopt", PARTNER, "--created", f"{made:%Y-%m-%d}", "--wait"),
            ("create", ORDERS, "--wait"),
        )
        self.application(ORDERS, "service")

    def killed(self) -> None:
        self.screen.title("`rotation serve` begins: two secrets are 100 days old, 90 are allowed")
        seen = self.kill_and_take_over(BILLING, "a new key")
        by_hand = self.typed("rotate", ORDERS)
        for name in (BILLING, PARTNER, ORDERS):
            self.await_event("closed", name, after=seen)
        self.finished(by_hand, ("rotate", ORDERS))

    def leaked(self) -> None:
        self.screen.title("Emergency: the new key is pasted into a public chat")
        self.screen.say(
            "          Containing comes first: the application is without a key until its"
        )
        self.screen.say("          successor is there. What that costs is counted, and told below.")
        leaked = self.measured.contained = self.here.current_key()
        begun = SystemClock().now()
        self.emergency(REASON)
        self.measured.contained_s = self.here.suspended_at(leaked) - begun.timestamp()


def show() -> int:
    return perform(
        "rotation demo: real rotations on this machine; no account, no network", stage, _play
    )


def _play(here: Stage, screen: Screen) -> int:
    running = AwsShow(place=here, here=here, screen=screen, leaking=BILLING)
    with screen.below(running.counted):
        _acts(running)
    return verdict(here, screen, running.tallies, running.events, running.measured)


def _acts(running: AwsShow) -> None:
    screen, here = running.screen, running.here
    screen.title("The stage: a strict AWS, a service with passwords, applications that use them")
    screen.line(
        "aws", f"{here.aws.endpoint}, a process of its own: signatures, quotas, propagation"
    )
    running.application(BILLING, "aws")
    running.application(PARTNER, "service")
    running.at_work(BILLING, PARTNER)
    screen.line("applications", "log in 20 times a second each, with what the store gives them")
    screen.line(
        "", "what takes seconds here (settle, grace, soak) takes hours and days in production"
    )
    running.enrol()
    running.killed()
    running.leaked()
    running.end()
