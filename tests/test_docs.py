"""The documents say what the code does: generated parts are fresh, names exist, links resolve."""

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Context, Group, Option

from rotation.cli.app import program
from rotation.cli.verbs import VERBS
from rotation.config import load
from rotation.machine.held import REASONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNBOOK = DOCS / "runbook"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

COMMAND = re.compile(r"(?:^\$ |`)rotation ((?:-c \S+ )?[a-z][^`\n#|&>]*)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NODE = re.compile(r"tests/[\w/]+\.py(?:::\w+)+")
DOTTED = re.compile(r"\brotation(?:\.[A-Za-z_]\w*)+")
FENCE = re.compile(r"```.*?```", re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def generate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    script = str(DOCS / "generate.py")
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )


def test_generated_parts_are_up_to_date() -> None:
    done = generate("--check")
    assert done.returncode == 0, f"python docs/generate.py\n{done.stdout}{done.stderr}"


def checked_copy(to: Path, edited: str, old: str, new: str) -> "subprocess.CompletedProcess[str]":
    """`docs/generate.py --check` in a copy of the pages in which one file is edited."""
    shutil.copytree(DOCS, to / "docs")
    shutil.copy(ROOT / "pyproject.toml", to)
    for linked in ("README.md", "tests", "rotation", "providers"):
        (to / linked).symlink_to(ROOT / linked)
    before = (to / edited).read_text()
    assert old in before
    (to / edited).write_text(before.replace(old, new))
    check = [sys.executable, str(to / "docs" / "generate.py"), "--check"]
    return subprocess.run(check, capture_output=True, text=True, check=False)


def test_the_check_finds_a_part_that_is_out_of_date(tmp_path: Path) -> None:
    done = checked_copy(tmp_path, "docs/errors.md", "usage or configuration", "something else")
    assert (done.returncode, done.stdout) == (1, "docs/errors.md\n")


def test_a_plugin_that_is_not_installed_yet_is_missed_by_name(tmp_path: Path) -> None:
    group = '[project.entry-points."rotation.stores"]\n'
    done = checked_copy(tmp_path, "pyproject.toml", group, f'{group}shelf = "elsewhere:Shelf"\n')
    assert done.returncode == 2
    assert "rotation.stores: shelf = elsewhere:Shelf" in done.stderr
    assert "install it again" in done.stderr


def test_every_reason_has_its_page_and_every_page_a_reason() -> None:
    pages = {page.stem for page in RUNBOOK.glob("*.md")} - {"README", "read-only", "seal-broken"}
    assert pages == {code.removeprefix("held.") for code in REASONS}


@pytest.mark.parametrize("code", REASONS)
def test_a_page_speaks_of_each_exit_of_its_reason(code: str) -> None:
    text = (RUNBOOK / f"{code.removeprefix('held.')}.md").read_text()
    words = text.partition("## Which exit")[2].partition("## Never")[0]
    missing = [
        way
        for way in REASONS[code].exits
        if not all(part in words for part in way.split()) and way != "resolve --ours"
    ]
    assert not missing


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in COMMAND.finditer(page.read_text()):
            yield name(page), found[1].strip()


def verb_of(words: list[str]) -> tuple[Command, list[str]]:
    """The command that the words begin with, and the rest of them."""
    _, command, rest = program.resolve_command(Context(program), words)
    assert command is not None
    if isinstance(command, Group) and rest and rest[0] in command.commands:
        return command.commands[rest[0]], rest[1:]
    return command, rest


def test_every_command_that_is_named_exists_with_its_options() -> None:
    wrong = []
    for page, line in commands():
        words = line.split()
        words = words[2:] if words[0] == "-c" else words
        if words[0] not in VERBS:
            wrong.append((page, line))
            continue
        command, rest = verb_of(words)
        known = {text for option in command.params if isinstance(option, Option)
                 for text in option.opts}  # fmt: skip
        wrong += [(page, line) for word in rest if re.match(r"--?[a-z]", word)
                  if word.partition("=")[0] not in {*known, "--help", "-h"}]  # fmt: skip
    assert not wrong


def test_every_verb_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert not [
        verb for verb in VERBS if f"`{verb}`" not in text and f"rotation {verb}" not in text
    ]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        for link in LINK.findall(FENCE.sub("", page.read_text())):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append((name(page), link))
    assert not broken


def test_the_configuration_example_is_accepted(tmp_path: Path) -> None:
    for file in (DOCS / "example").iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    loaded = load(tmp_path / "rotation.yaml")
    assert len(loaded) == 4
    billing = loaded.secret("billing-iam")
    assert billing is not None
    # What docs/configuration.md computes: 90 d - 10 min - 1 d - 7 d.
    assert billing.period_s == 81 * 86_400 + 23 * 3600 + 50 * 60


def is_a_test(node: str) -> bool:
    path, *names = node.split("::")
    if not (ROOT / path).is_file():
        return False
    found = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for each in names:
        found = getattr(found, each, None)
    return callable(found)


def resolves(dotted: str) -> bool:
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_dotted_name_of_ours_exists() -> None:
    """Of three parts or more: events, files and groups of entry points have two as well."""
    wrong = [
        (name(page), dotted)
        for page in PAGES
        for dotted in DOTTED.findall(page.read_text())
        if dotted.count(".") > 1
        and not dotted.endswith((".json", ".yaml"))
        and not resolves(dotted)
    ]
    assert not wrong


@pytest.mark.parametrize("page", ["invariants.md", "guide.md"])
def test_every_test_that_is_named_exists(page: str) -> None:
    named = set(NODE.findall((DOCS / page).read_text()))
    assert named
    assert not [node for node in sorted(named) if not is_a_test(node)]


def test_every_invariant_is_listed_with_a_test_or_as_not_yet() -> None:
    reply = generate("invariants").stdout
    blocks = re.split(r"^(?=I\d)", reply, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks] == [f"I{number}" for number in range(1, 39)]
    assert not [block for block in blocks if not NODE.search(block) and "*not yet*" not in block]
