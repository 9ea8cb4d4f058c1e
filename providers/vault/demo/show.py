"""The show on Vault, act by act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from providers.vault.demo.stage import BILLING, DAYS_OLD, PARTNER, RUNNER_TOKEN_S, Stage, stage
from providers.vault.demo.verdict import verdict
from rotation.demo.program import Program
from rotation.demo.screen import Screen
from rotation.demo.show import Show, ShowStopped, perform
from rotation.runtime.clock import SystemClock

REASON = "printed by a build job"


@dataclass(kw_only=True)
class VaultShow(Show):
    here: Stage

    def application(self, name: str, kind: str) -> None:
        self.here.uses(name, kind, self.tallies[name].heard)

    def serve(self) -> Program:
        self.here.know_abandoned()
        return super().serve()

    def enrol(self) -> None:
        self.screen.title("Two secrets come under rotation; nothing is replaced yet")
        made = SystemClock().now() - timedelta(days=DAYS_OLD)
        person = ("--config", str(self.here.of_the_operator), "--yes", "--wait")
        self.together(
            ("adopt", BILLING, *person),
            ("adopt", PARTNER, "--created", f"{made:%Y-%m-%d}", *person),
        )

    def killed(self) -> None:
        self.screen.title(
            "`rotation serve` begins: one secret id ends in an hour, the token is old"
        )
        seen = self.kill_and_take_over(BILLING, "a new secret id")
        for name in (BILLING, PARTNER):
            self.await_event("closed", name, after=seen)
        self.here.remember()

    def leaked(self) -> None:
        self.screen.title("Emergency: the new secret id is printed by a build job")
        for line in (
            "Containing comes first: the role is off, its secret id dies, its tokens end. The",
            "application is without a login until the successor is there; it does not try a",
            "refused secret id twice, for five refusals in a row would lock the role for everybody.",
        ):
            self.screen.say(f"          {line}")
        self.measured.contained = self.here.current(BILLING)[1]
        begun = SystemClock().now()
        self.emergency(REASON)
        at = self.here.contained_at(begun.isoformat())
        if at is None:
            raise ShowStopped("Vault's audit log has no containment")
        self.measured.contained_s = (datetime.fromisoformat(at) - begun).total_seconds()
        self.here.remember()


def show() -> int:
    return perform(
        "rotation demo --vault: real rotations on a real Vault of this machine", stage, _play
    )


def _play(here: Stage, screen: Screen) -> int:
    running = VaultShow(place=here, here=here, screen=screen, leaking=BILLING)
    with screen.below(running.counted):
        _acts(running)
    return verdict(here, screen, running.tallies, running.events, running.measured)


def _acts(running: VaultShow) -> None:
    screen, here = running.screen, running.here
    screen.title("The stage: a real Vault, a service with tokens, applications that use them")
    screen.line("vault", f"{here.vault.address}, its user lockout as it comes, its audit log on")
    screen.line("", "policies: what `rotation policy vault` printed; a token for each of them")
    screen.line("", "an operator signs in otherwise: only people may claim a secret")
    screen.line("", f"a login of the runner lives {RUNNER_TOKEN_S} s unless it is renewed")
    running.application(BILLING, "approle")
    running.application(PARTNER, "service")
    running.at_work(BILLING, PARTNER)
    screen.line("applications", "log in up to 20 times a second each, with what the store gives")
    screen.line("", "what takes seconds here (grace, soak) takes hours and days in production")
    running.enrol()
    running.killed()
    running.leaked()
    running.end()
