"""Writes the generated parts of the documents, from the code that they describe.

    python docs/generate.py               write them
    python docs/generate.py --check       exit 1 where one is out of date
    python docs/generate.py invariants    print which test holds which invariant

Plugins are found by the entry points that are installed, so those must be the ones of pyproject.toml:
exit 2 where they are not.

A generated part stands between `<!-- generated: NAME ARGUMENT -->` and `<!-- end -->`.
"""  # noqa: INP001 -- a script beside the pages that it writes

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path

import code_tables
import error_codes
import matrix_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"(<!-- generated: (\S+)(?: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL)

Part = Callable[[str], str]


def include(path: str) -> str:
    """A file of the repository, as code."""
    name = Path(path)
    language = {".py": "python", ".yaml": "yaml", ".toml": "toml"}[name.suffix]
    return f"`{path}`:\n\n```{language}\n{(ROOT / name).read_text().strip()}\n```"


PARTS: Mapping[str, Part] = {
    "include": include,
    "plan": code_tables.plan,
    "rollback": code_tables.rollback,
    "steps": code_tables.steps,
    "core": lambda _: code_tables.core(ROOT),
    "held": code_tables.held,
    "runbook": code_tables.runbook,
    "alerts": lambda _: code_tables.alerts(),
    "fields": code_tables.fields,
    "plugins": code_tables.plugins,
    "grants": code_tables.grants,
    "exit-codes": code_tables.exit_codes,
    "verbs": code_tables.verbs,
    "layouts": code_tables.layouts,
    "paths": code_tables.paths,
    "matrix": lambda _: matrix_table.matrix(),
    "limits": lambda _: matrix_table.limits(),
    "errors": lambda _: error_codes.errors(ROOT),
    "waits": lambda _: error_codes.waits(ROOT),
}


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def generated(text: str) -> str:
    def part(match: re.Match[str]) -> str:
        opening, name, argument, closing = match.groups()
        return f"{opening}\n{PARTS[name](argument or '').strip()}\n\n{closing}"

    return BLOCK.sub(part, text)


def stale() -> Iterator[tuple[Path, str]]:
    """Pages whose generated parts are out of date, with what they should be."""
    for page in pages():
        before = page.read_text()
        after = generated(before)
        if after != before:
            yield page, after


def invariants() -> str:
    """The table of docs/invariants.md as plain lines."""
    rows = re.findall(
        r"^\| (I\d+) \| (.+?) \| (.+?) \|$", (DOCS / "invariants.md").read_text(), re.MULTILINE
    )
    return "\n".join(
        f"{number:<4} {text}\n" + "".join(f"       {test}\n" for test in tests.split("<br>"))
        for number, text, tests in rows
    )


def not_as_installed() -> list[str]:
    """Entry points that only one of pyproject.toml and the installed package has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        (group, name, target)
        for group, points in project["entry-points"].items()
        for name, target in points.items()
    }
    installed = {
        (point.group, point.name, point.value)
        for point in distribution("rotation").entry_points
        if point.group.startswith("rotation.")
    }
    return sorted(f"{group}: {name} = {target}" for group, name, target in declared ^ installed)


def main(arguments: list[str]) -> int:
    if differing := not_as_installed():
        sys.stderr.write(
            "pyproject.toml and the installed package differ in these entry points; nothing was written\n"
            + "".join(f"  {point}\n" for point in differing)
            + "install it again: pip install --no-deps --no-build-isolation -e .\n"
        )
        return 2
    if arguments == ["invariants"]:
        sys.stdout.write(invariants())
        return 0
    found = list(stale())
    for page, text in found:
        sys.stdout.write(f"{page.relative_to(ROOT)}\n")
        if arguments != ["--check"]:
            page.write_text(text)
    return int(bool(found) and arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
