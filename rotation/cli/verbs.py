"""Every verb, with its place and its line of help, so that `--help` imports none of them."""

from typing import NamedTuple


class Listed(NamedTuple):
    """target: `module:attribute` under rotation.cli."""

    target: str
    help: str


SECTIONS: dict[str, dict[str, Listed]] = {
    "Every day": {
        "status": Listed("status:status", "Show how old each secret is and where it stands."),
        "plan": Listed("plan:plan", "Show what would happen; changes nothing."),
        "run": Listed("run:run", "Rotate everything that is due, as far as it goes now."),
        "rotate": Listed("run:rotate", "Rotate the named secrets now, due or not."),
        "serve": Listed("serve:serve", "Keep rotating by schedule until told to stop."),
        "report": Listed("report:report", "Write the report for reviewers and auditors: a page, CSV or JSON."),
        "review": Listed("review:review", "List the owners' reviews of what they own; begin or sign one."),
        "history": Listed("history:history", "List past rotations, the latest first."),
        "show": Listed("history:show", "Show one rotation, row by row."),
    },
    "Trouble": {
        "alerts": Listed("alerts:alerts", "List what was raised and who has it; try a route."),
        "ack": Listed("alerts:ack", "Say that somebody looks after what was raised."),
        "approvals": Listed("approvals:approvals", "List what waits for approval, and the reviews that are open."),
        "approve": Listed("approvals:approve", "Agree to what waits for approval."),
        "reject": Listed("approvals:reject", "Say no to what waits for approval."),
        "emergency": Listed("emergency:emergency", "A key leaked: switch it off first, then replace it."),
        "incident": Listed("incident:incident", "List incidents, show one, add to it, or close it."),
        "doctor": Listed("doctor:doctor", "Find what is wrong, and offer the one safe repair."),
        "reconcile": Listed("reconcile:reconcile", "Compare the world with the journal."),
        "resume": Listed("requests:resume", "Let Held rotations go on from the step that stopped them."),
        "rollback": Listed("requests:rollback", "Go back to the old credential."),
        "resolve": Listed("requests:resolve", "Say whose an instance is, or which version is right: what the machine cannot know."),
        "abandon": Listed("requests:abandon", "Close a Held rotation and touch nothing."),
        "pause": Listed("requests:pause", "Stop a secret where it is."),
        "unpause": Listed("requests:unpause", "Let a paused secret go on."),
        "breaker": Listed("breaker:breaker", "List the classes whose rotations keep failing, or let them go on."),
        "freeze": Listed("requests:freeze", "Close every window of this installation, or open them again."),
    },
    "Setting up": {
        "init": Listed("init:init", "Write a commented rotation.yaml and make the journal."),
        "config": Listed("config:config", "Check, show and compare the configuration."),
        "trust": Listed("trust:trust", "Show whose plugins may run; record a package, or a configuration, as it is."),
        "create": Listed("lifecycle:create", "Make the first credential of an empty secret."),
        "adopt": Listed("lifecycle:adopt", "Bring an existing credential under rotation."),
        "retire": Listed("lifecycle:retire", "Take a secret out of service, its credential last."),
        "handover": Listed("handover:handover", "Change what the tool itself logs in with: proven first, then the old one dies."),
        "policy": Listed("policy:policy", "Print the permissions that the configuration needs."),
        "journal": Listed("journal:journal", "Check, repair, back up, restore, export or upgrade the journal."),
        "audit": Listed("audit:audit", "Prove the journal to somebody who does not trust this host."),
        "demo": Listed("demo:demo", "Watch real rotations for about a minute; needs no account and no network."),
        "completion": Listed("about:completion", "Print the completion script of a shell."),
        "schema": Listed("about:schema", "Print the JSON Schema of a kind of document; without one, list the kinds."),
        "version": Listed("about:version", "Print the versions that a bug report needs."),
    },
}  # fmt: skip

# Former names of verbs: still understood, but not listed.
FORMER = {"hold": "pause", "release": "unpause"}

VERBS = {name: listed for section in SECTIONS.values() for name, listed in section.items()}
