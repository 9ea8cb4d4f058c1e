"""`config`: check, schema, show and diff."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rotation.cli.app import settings, verb_group
from rotation.cli.failures import GENERIC, OK, USAGE
from rotation.cli.options import maybe_name_argument
from rotation.cli.output import as_json, plain, result, verbatim
from rotation.cli.session import Session, open_session
from rotation.config import ConfigInvalid, Finding, Level
from rotation.errors import RotationError, UsageError
from rotation.operations.configured import compared, exceptions_over, pauses_over, unattended
from rotation.operations.silence import missing_extras
from rotation.plan.specification import spec_to_json

config = verb_group(
    "config",
    "Check, show and compare the configuration.",
    "config check",
    "config schema > rotation.schema.json",
)


@config.add("check", "config check", "-c rotation.yaml config check -o json")
def check() -> int:
    """Find every mistake at once, with file and line. Exit 2 where there is an error.

    The content of a value is never printed: it could be a secret.
    """
    with open_session(effectful=False) as session:
        try:
            loaded = session.configuration
        except ConfigInvalid as invalid:
            _print(invalid.findings, invalid.further, secrets=None)
            return USAGE
        today = (
            *exceptions_over(session), *unattended(session), *pauses_over(session),
            *missing_extras(session),
        )  # fmt: skip
        refused = any(finding.level is Level.ERROR for finding in today)
        found = (*today, *loaded.warnings)
        _print(found, loaded.further_warnings, secrets=None if refused else len(loaded))
        return USAGE if refused else OK


def _print(findings: tuple[Finding, ...], further: int, *, secrets: int | None) -> None:
    if settings().output == "json":
        document = [asdict(finding) for finding in findings]
        valid = secrets is not None
        as_json("config-check", {"valid": valid, "secrets": secrets, "findings": document,
                                 "further": further})  # fmt: skip
        return
    for finding in findings:
        level = click.style(finding.level, fg="red" if finding.level == "error" else "yellow")
        result(f"{level} {plain(str(finding))}")
    if further:
        result(f"… and {further} more")
    if secrets is not None:
        result(f"the configuration is valid: {secrets} secret{'' if secrets == 1 else 's'}")


@config.add("schema", "config schema > rotation.schema.json")
def schema() -> None:
    """Print the JSON Schema, for editors. With a configuration, its trusted plugins are in it."""
    from rotation.config import json_schema  # noqa: PLC0415 -- for this verb only

    with suppress(RotationError), open_session(effectful=False) as session:
        _ = session.configuration
    verbatim(json.dumps(json_schema.of_document(), indent=2))


@config.add("show", "config show", "config show billing-iam -o json")
@maybe_name_argument
def show(name: str | None) -> None:
    """Show the whole configuration, with every default filled in and every time computed."""
    with open_session(effectful=False) as session:
        loaded = session.configuration
        names = [session.entry(name).id] if name else [entry.id for entry in loaded.secrets()]
        document = {
            "path": str(session.configuration_path),
            "installation": loaded.installation,
            "journal": str(loaded.journal),
            "digest": loaded.digest,
            "alerts": [asdict(route) for route in loaded.alerts.routes],
            "secrets": [_shown(session, each) for each in names],
        }
        if settings().output == "json":
            as_json("config", document)
        else:
            for line in _outline(document):
                result(plain(line))


def _shown(session: Session, name: str) -> dict[str, Any]:
    entry = session.entry(name)
    return {
        "class": entry.class_name,
        "owner": entry.owner,
        "application": entry.application,
        "environment": entry.environment,
        "state": entry.state,
        "max_age_s": entry.max_age_s,
        "period_s": entry.period_s,
        "place": entry.place,
        "from": f"{entry.file}:{entry.line}",
        **spec_to_json(session.configuration.specification(entry)),
    }


def _outline(value: Any, indent: str = "") -> list[str]:
    """Nested mappings and lists as indented lines."""
    lines: list[str] = []
    pairs = value.items() if isinstance(value, dict) else [("-", item) for item in value]
    for key, inner in pairs:
        if isinstance(inner, dict | list | tuple) and inner:
            lines += [
                f"{indent}{key}:" if key != "-" else f"{indent}-",
                *_outline(inner, indent + "  "),
            ]
        else:
            lines.append(f"{indent}{key}: {'' if inner in ([], {}, ()) else inner}".rstrip())
    return lines


@config.add(
    "diff",
    "config diff",
    "config diff -o json",
    "-c rotation.yaml config diff ../main/rotation.yaml --format markdown",
)
@click.argument("old", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    help="With OLD: for a pull request.",
)
def diff(old: Path | None, *, form: str | None) -> int:
    """Compare the configuration with an older one, or with what the journal knows.

    With OLD: who gains code execution, a sink for secrets, a host, a reference to a secret, or a
    right to name what is another team's, or to approve; which secrets are new, gone or move;
    whose pause ends; what becomes due at once, where the journal can be read. Exit 0 where nobody gains
    anything, 1 where somebody does, 2 where one of the two files is refused.

    Without OLD: which secrets the journal does not know yet, which left the configuration without
    being retired, which have another name without `was`, which open rotations would be Held because
    their secret changed under them, and which changes wait for the next rotation.
    """
    if old is not None:
        return _print_changes(old, form)
    if form is not None:
        raise UsageError("config.diff-format", "--format needs OLD", "name the former file")
    with open_session(effectful=False) as session:
        found = compared(session)
    if settings().output == "json":
        as_json("config-diff", asdict(found))
        return OK
    for word, names in (("new", found.new), ("gone", found.gone)):
        for name in names:
            result(f"{word:<8} {plain(name)}")
    for former, name in found.renamed.items():
        result(plain(f"renamed  {former} -> {name}; add `was: {former}` there until it ran"))
    for name, changed in found.changed.items():
        result(f"changed  {plain(name)}: {', '.join(changed)}; its open rotation is Held")
    for name, later in found.later.items():
        result(f"later    {plain(name)}: {', '.join(later)}; its open rotation ends as it began")
    if found.same:
        result("the configuration and the journal know the same secrets")
    return OK


def _print_changes(old: Path, form: str | None) -> int:
    from rotation.cli import changes as words  # noqa: PLC0415 -- for this verb only
    from rotation.config import load  # noqa: PLC0415
    from rotation.operations.changes import by_stream, changes  # noqa: PLC0415

    former = load(old)  # first: the later one decides which plugins are trusted
    with open_session(effectful=False) as session:
        try:
            rows = by_stream(session.records.identities())
        except RotationError:
            rows = None  # as in CI
        found = changes(former, session.configuration, session.clock.now(), rows)
    if settings().output == "json":
        as_json("config-changes", words.as_document(found))
    else:
        for line in words.markdown(found) if form == "markdown" else words.text(found):
            result(line)
    return GENERIC if found.gains else OK
