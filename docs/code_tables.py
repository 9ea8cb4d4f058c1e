"""Tables of the documents that follow from plans, reasons, options and permissions."""  # noqa: INP001

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from providers.aws.permissions import GRANTS
from providers.vault import permissions as vault
from rotation import plan as plans
from rotation.alerts.table import EVENTS, REPEATED, Lasts, Severity
from rotation.calendar import Freeze, Schedule, Window
from rotation.cli import failures
from rotation.cli.verbs import SECTIONS
from rotation.config.model import Document, Limits, PolicyClass, Secret
from rotation.config.plugins import Head
from rotation.config.reading import is_duration, key_of
from rotation.config.routes import Alerts, Route
from rotation.config.scope import Include, May
from rotation.config.times import format_duration
from rotation.execution.effects import EFFECTS
from rotation.interfaces import Diagnosis
from rotation.machine.held import REASONS, Exit
from rotation.plan import PLANS, Gate, Per, Row, Step
from rotation.plugins.registry import installed
from rotation.plugins.trust import Trusted
from rotation.types import PermissionSet

CORE = (
    "plan/__init__.py",
    "plan/words.py",
    "plan/rules.py",
    "plan/tables.py",
    "types.py",
    "interfaces.py",
    "errors.py",
    "machine/rotation.py",
    "machine/replay.py",
    "machine/decide.py",
    "machine/held.py",
    "machine/baseline.py",
    "execution/effects/__init__.py",
    "execution/effects/context.py",
    "execution/effects/create.py",
    "execution/effects/propagate.py",
    "execution/effects/verify.py",
    "execution/effects/revoke.py",
    "execution/effects/undo.py",
    "execution/effects/drift.py",
    "execution/effects/inspect.py",
    "execution/effects/emergency.py",
    "execution/runner.py",
)
CLASSES = (
    Document,
    Limits,
    Alerts,
    Route,
    Include,
    May,
    Trusted,
    Secret,
    Head,
    PolicyClass,
    Schedule,
    Window,
    Freeze,
)
_PER = {
    Per.SECRET: "",
    Per.CONSUMER: "one per consumer",
    Per.PUSHED_CONSUMER: "one per pushed consumer",
    Per.REGION: "the home region and each replica",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def first_paragraph(documented: Any) -> str:
    text = inspect.getdoc(documented) or ""
    return text.split("\n\n")[0]


def _sets(row: Row) -> str:
    return ", ".join(row.sets)


# ---------------------------------------------------------------------------------- the plans


def plan(name: str) -> str:
    rows = PLANS[name].rows
    return table(
        ("phase", "row", "once or per", "permission sets", "if refused", "waits for"),
        (
            (
                row.phase,
                f"`{row.step}`" + (" ◷" if Gate.WINDOW in row.gates else ""),
                _PER[row.per],
                _sets(row),
                row.on_failure.replace("-", " "),
                _after(rows, number),
            )
            for number, row in enumerate(rows)
        ),
    )


def _after(rows: Sequence[Row], number: int) -> str:
    after = rows[number].after
    if after is not None:
        return ", ".join(f"`{step}`" for step in after)
    return f"`{rows[number - 1].step}`" if number else ""


def rollback(name: str) -> str:
    return table(
        ("row", "once or per", "permission sets", "only where this was intended"),
        (
            (f"`{undo.row.step}`", _PER[undo.row.per], _sets(undo.row), f"`{undo.of}`")
            for undo in PLANS[name].rollback
        ),
    )


def steps(_: str) -> str:
    """Each step with what it makes true, and what its effect says of itself."""
    meanings = _comments()
    return table(
        ("row", "makes true", "how"),
        ((f"`{step}`", meanings.get(step, ""), first_paragraph(EFFECTS[step])) for step in Step),
    )


def _comments() -> dict[str, str]:
    """The words beside each member of Step."""
    source = inspect.getsource(plans.Step)
    return dict(re.findall(r'= "([a-z-]+)"  # (.+)', source))


def core(root: Path) -> str:
    rows = []
    for name in CORE:
        source = (root / "rotation" / name).read_text()
        meaning = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
        link = f"[`{name}`](../rotation/{name})"
        rows.append((link, meaning))
    return table(("file", "what it says of itself"), rows)


# --------------------------------------------------------------------------- reasons and codes


def page_of(code: str) -> str:
    return f"{code.removeprefix('held.')}.md"


def held(name: str) -> str:
    """The head of a page of the runbook: the reason and its exits."""
    reason = REASONS[f"held.{name}"]
    ways = "\n".join(_way(way, reason.first.get(way)) for way in reason.exits)
    return f"**`held.{name}`**: {reason.why}.\n\nExits, the likeliest first:\n\n{ways}"


def _way(way: Exit, first: str | None) -> str:
    return f"- `{_command(way)}`" + (f", {first}" if first else "")


def _command(way: Exit) -> str:
    verb, *flags = way.split()
    instance = ["ID"] if way in (Exit.OURS, Exit.FOREIGN) else []
    return " ".join(["rotation", verb, "NAME", *flags, *instance])


def runbook(_: str) -> str:
    return table(
        ("code", "why", "exits"),
        (
            (
                f"[`{code}`]({page_of(code)})",
                reason.why,
                ", ".join(f"`{way}`" for way in reason.exits),
            )
            for code, reason in sorted(REASONS.items())
        ),
    )


def exit_codes(_: str) -> str:
    section = (inspect.getdoc(failures) or "").split("\n\n")[1]
    codes = [entry.strip(" .\n").split(" ", 1) for entry in section.replace("\n", " ").split("·")]
    return table(("exit code", "meaning"), codes)


def verbs(_: str) -> str:
    parts = (
        f"### {section}\n\n"
        + table(("verb", ""), ((f"`{verb}`", listed.help) for verb, listed in verbs.items()))
        for section, verbs in SECTIONS.items()
    )
    return "\n\n".join(parts)


def layouts(store: str) -> str:
    doctor = installed().load("doctors", store)
    known = sys.modules[doctor.__module__].LAYOUTS
    return table(
        ("layout", "meaning", "repair"),
        ((f"`{each.name}`", each.meaning, _repair(each)) for each in known.values()),
    )


def _repair(layout: Diagnosis) -> str:
    first = "`rotation rollback NAME` where the open rotation offers it; else "
    return first * layout.by_rollback + layout.repair


def paths(plugin: str) -> str:
    """Of a plugin whose grants are paths and capabilities."""
    return table(
        ("permission set", "path", "capabilities", "may say", "when"),
        (
            (
                under,
                f"`{grant.path}`",
                ", ".join(grant.capabilities),
                ", ".join(f"`{each}`" for each in grant.parameters),
                grant.when,
            )
            for under, grants in vault.GRANTS[plugin].items()
            for grant in grants
        ),
    )


# ------------------------------------------------------------------------------ configuration


def alerts() -> str:
    """A section for each event, because messages link to them."""
    return "\n\n".join(
        f"### {name}\n\n**{event.severity}**, {event.lasts}{_repeated(event.severity, event.lasts)}: "
        f"{event.sentence}. {event.advice}"
        for name, event in EVENTS.items()
    )


def _repeated(severity: Severity, lasts: Lasts) -> str:
    every = int(REPEATED[severity].total_seconds())
    return "" if lasts is Lasts.NEWS else f", repeated every {format_duration(every)}"


def fields(name: str) -> str:
    """Of a part of the configuration by its class, or of a plugin: `kind:name`."""
    kind, _, plugin = name.partition(":")
    if plugin:
        return _fields(installed().options(kind, plugin))
    return _fields(next(cls for cls in CLASSES if cls.__name__ == name))


def _fields(cls: Any) -> str:
    hints = get_type_hints(cls)
    return table(
        ("key", "default", "meaning"),
        (
            (
                f"`{key_of(field.name, hints[field.name])}`",
                _default(field, hints[field.name]),
                field.metadata["doc"],
            )
            for field in dataclasses.fields(cls)
        ),
    )


def _default(field: "dataclasses.Field[Any]", hint: Any) -> str:
    missing = dataclasses.MISSING
    if field.default is missing and field.default_factory is missing:
        return "**required**"
    value = field.default if field.default is not missing else None
    if value is None or value == () or dataclasses.is_dataclass(value):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{format_duration(value)}`" if is_duration(field.name, hint) else f"`{value}`"


def plugins(kind: str) -> str:
    return table(
        ("type", "what it is"),
        (
            (f"`{name}`", first_paragraph(installed().options(kind, name)))
            for name in installed().names(kind)
        ),
    )


def grants(_: str) -> str:
    rows = []
    for sets in GRANTS.values():
        for permission_set, given in sets.items():
            for grant in given:
                limits = [*grant.labels, *grant.tag_keys]
                when = "" if grant.when == "always" else grant.when.replace("-", " ")
                rows.append(
                    (permission_set, f"`{grant.action}`", grant.resource, ", ".join(limits), when)
                )
    order = list(PermissionSet)
    rows.sort(key=lambda row: order.index(row[0]))
    return table(("set", "action", "on", "only labels or tag keys", "only where there is a"), rows)
