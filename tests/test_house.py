"""The rules of the house that a machine can check."""

import ast
import importlib
import re
import runpy
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rotation import plan
from rotation.alerts.table import EVENTS

# One worker parses the tree, once.
pytestmark = pytest.mark.xdist_group("house")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

FUNCTION_LINES_MAX = 45
MODULE_LINES_MAX = 400
# What the reading order of the design names: modules of the top, and whole rooms.
CORE = {"types", "interfaces", "errors", "plan", "machine", "execution"}
CORE_LINES_MAX = 6700
# What is read in ten minutes: the page of the plans, the machine and the runner.
TEN_MINUTES = ("plan/words", "plan/rules", "plan/tables", "machine/decide", "execution/runner")
TEN_MINUTES_LINES_MAX = 1000

ASKS_THE_TIME = {"datetime.now", "datetime.utcnow", "datetime.today", "time.time"}
SLEEPS = {"time.sleep"}

# Where the bytes of a secret may be taken out of their wrapper, outside of adapters, and why.
REVEALS = {
    "rotation/alerts/address.py": "an address is read, used and forgotten",
    "rotation/alerts/by_apprise.py": "the address is the input of the process that uses it",
    "rotation/alerts/webhook.py": "a route's key is read, used and forgotten",
    "rotation/journal/seal.py": "the key of the seals is hashed with what it seals",
    "rotation/testing/journal/entries.py": "the conformance suite offers the journal live values",
    "rotation/types.py": "the writers' refusal has to compare texts with the live values",
}

# Split, so that this file does not hold what it looks for.
NOT_FOR_THE_REPOSITORY = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:work|home|root|Users)/\w",
            r"/tmp/\w+/bin/",  # noqa: S108 -- looked for, not used
            "pypi" + r"\.org",
            "pythonhosted" + r"\.org",
            "registry" + r"\.npmjs",
            "proxy" + r"\.golang",
        )
    )
)


def tracked() -> list[Path]:
    """What is in the repository; a colleague's unfinished file is not."""
    git = ["git", "ls-files", "-z"]
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing says which files are the repository's")
    names = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def shipped() -> list[Path]:
    return sorted(path for top in ("rotation", "providers") for path in (ROOT / top).rglob("*.py"))


def in_repository(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Of a module; a dozen rules look at each of them."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each `a.b` that the module mentions, by the last two names, and its line."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            yield f"{owner}.{node.attr}", node.lineno


def imported(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{in_repository(path)}:{node.lineno} {node.name}": length(node)
        for path in shipped()
        for node in functions(path)
        if length(node) > FUNCTION_LINES_MAX
    }
    assert not long


SPEAKS_OF_FACTS = (
    "journal",
    "plan",
    "machine",
    "execution",
    "report",
    "operations",
    "schedule",
    "cli",
)


def is_facts(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", None)) == "facts"


def spelled(node: ast.AST) -> list[ast.expr | None]:
    """What stands where a key of an entry's facts is read or written."""
    match node:
        case ast.Subscript(value=of, slice=key) if is_facts(of):
            return [key]
        case ast.Call(func=ast.Attribute(value=of, attr="get" | "pop"), args=[key, *_]):
            return [key] if is_facts(of) else []
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[of]):
            return [key] if is_facts(of) else []
        case ast.keyword(arg="facts", value=ast.Dict(keys=keys)):
            return keys
        case ast.AnnAssign(annotation=ast.Name(id="Facts"), value=ast.Dict(keys=keys)):
            return keys
    return []


def test_a_fact_of_the_journal_is_a_field_of_a_record() -> None:
    """Its key is a field of the journal's records, so a misspelled one does not read as absent."""
    found = {
        f"{in_repository(path)}:{node.lineno}"
        for room in SPEAKS_OF_FACTS
        for path in (ROOT / "rotation" / room).rglob("*.py")
        for node in nodes(path)
        if any(isinstance(key, ast.Constant) for key in spelled(node))
    }
    assert not found


def test_a_module_has_one_subject() -> None:
    assert not {
        in_repository(path): lines(path) for path in shipped() if lines(path) > MODULE_LINES_MAX
    }


def test_the_core_is_read_in_one_sitting() -> None:
    core = [
        path
        for path in shipped()
        if (parts := path.relative_to(ROOT).parts)[0] == "rotation"
        and parts[1].removesuffix(".py") in CORE
    ]
    assert sum(map(lines, core)) <= CORE_LINES_MAX
    pages = [ROOT / "rotation" / f"{page}.py" for page in TEN_MINUTES]
    assert sum(map(lines, pages)) <= TEN_MINUTES_LINES_MAX


def plan_names(node: ast.AST) -> set[str]:
    """The plans that a comparison, or a collection of nothing else, names by constant or text."""
    match node:
        case ast.Compare():
            parts = [node.left, *node.comparators]
        case ast.MatchValue():
            parts = [node.value]
        case ast.Dict():
            parts = [key for key in node.keys if key is not None]
        case ast.Set() | ast.Tuple() | ast.List():
            parts = list(node.elts)
        case _:
            return set()
    constants = {name for name, value in vars(plan.tables).items() if isinstance(value, plan.Plan)}
    named = {part.value for part in parts if isinstance(part, ast.Constant)} & set(plan.PLANS)
    named |= {part.id for part in parts if isinstance(part, ast.Name)} & constants
    return named if isinstance(node, ast.Compare) or len(named) == len(parts) else set()


def test_no_plan_is_asked_for_its_name_because_its_rules_say_what_it_is_for() -> None:
    assert not [
        f"{in_repository(path)}:{getattr(node, 'lineno', '?')} {sorted(named)}"
        for path in sorted((ROOT / "rotation").rglob("*.py"))
        if path.parent.name != "plan"
        for node in nodes(path)
        if (named := plan_names(node))
    ]


def test_tests_lie_where_their_subject_lies() -> None:
    places = {
        path.parent.relative_to(ROOT / "tests")
        for top in ("rotation", "providers")
        for path in (ROOT / "tests" / top).rglob("test_*.py")
    }
    assert not [
        place
        for place in places
        if not (ROOT / place).is_dir() and not (ROOT / place).with_suffix(".py").is_file()
    ]


# Rooms each of whose modules has its own test beside its name; elsewhere a story may do.
TESTED_BY_NAME = ("plan", "machine", "execution", "execution/effects", "journal", "operations")
TESTED_ELSEWHERE = {
    "execution/live": "what the tests of the runner and of approvals give it",
    "journal/approving": "a declaration: tests/rotation/approvals",
    "operations/live": "puts together what other tests look at, as every command does",
    "plan/rules": "a declaration, which the tests of all plans read",
    "plan/words": "a declaration, which the tests of all plans read",
    "operations/alarms": "a stack that was brought up shows it: tests/infra/test_alarms.py",
}


def test_a_module_of_the_core_has_its_test_beside_its_name() -> None:
    assert not [
        in_repository(path)
        for room in TESTED_BY_NAME
        for path in (ROOT / "rotation" / room).glob("[!_]*.py")
        if f"{room}/{path.stem}" not in TESTED_ELSEWHERE
        and not (ROOT / "tests" / "rotation" / room / f"test_{path.stem}.py").is_file()
    ]


# It calls the stories of its folder one by one, each with a bug planted.
CALLS_TESTS = {"tests/crash/test_mutants.py"}


def test_nothing_is_imported_from_a_test_or_a_conftest_because_pytest_alone_loads_them() -> None:
    """What two of them share is in `tests/support/`."""
    looked = (
        path for top in ("tests", "docs", "benchmarks") for path in (ROOT / top).rglob("*.py")
    )
    assert not [
        f"{in_repository(path)}: {name}"
        for path in looked
        if in_repository(path) not in CALLS_TESTS
        for name in imported(path)
        if any(part == "conftest" or part.startswith("test_") for part in name.split("."))
    ]


def test_only_a_clock_asks_the_time() -> None:
    assert not [
        f"{in_repository(path)}:{line} {call}"
        for path in shipped()
        for call, line in calls(path)
        if call in ASKS_THE_TIME and path.name != "clock.py"
    ]


def test_no_protocol_is_asked_by_type_because_proxies_have_none_of_their_own() -> None:
    assert not [
        in_repository(path)
        for path in shipped()
        if "runtime_checkable" in path.read_text(encoding="utf-8")
    ]


def test_each_alert_is_provoked_by_its_real_cause_and_received_by_a_server() -> None:
    """A test says so by `@pytest.mark.provokes(EVENT)`, and fails where no server received it."""
    marks = re.compile(r"^@pytest\.mark\.provokes\(([^)]*)\)", re.MULTILINE)
    found = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for given in marks.findall(path.read_text())
        for name in ast.literal_eval(f"[{given}]")
    }
    assert set(EVENTS) - found == set(), "raised by nothing that a test does"
    assert found <= set(EVENTS)


def test_nobody_sleeps_because_waiting_is_a_value() -> None:
    assert not [
        f"{in_repository(path)}:{line}"
        for path in shipped()
        for call, line in calls(path)
        if call in SLEEPS
    ]


def test_randomness_comes_from_the_operating_system() -> None:
    assert not [
        in_repository(path)
        for path in shipped()
        if any(name.split(".")[0] == "random" for name in imported(path))
    ]


def test_secrets_are_revealed_only_by_adapters_and_where_a_reason_is_given() -> None:
    revealing = {
        in_repository(path)
        for path in shipped()
        if any(call.endswith(".reveal") for call, _ in calls(path))
    }
    assert {name for name in revealing if not name.startswith("providers/")} <= REVEALS.keys()


def test_an_operation_returns_what_it_found_and_prints_nothing() -> None:
    prints = {"print", "stdout", "stderr", "echo"}
    assert not [
        f"{in_repository(path)}:{node.lineno}"
        for path in (ROOT / "rotation" / "operations").glob("*.py")
        for node in nodes(path)
        if (isinstance(node, ast.Name) and node.id in prints)
        or (isinstance(node, ast.Attribute) and node.attr in prints)
    ]


OPENED_BY_OPERATIONS = (
    "rotation.journal.sql", "rotation.journal.upkeep", "rotation.journal.migration",
    "rotation.execution", "rotation.permissions",
)  # fmt: skip


def test_the_command_line_works_through_operations() -> None:
    assert not [
        f"{in_repository(path)}: {name}"
        for path in (ROOT / "rotation" / "cli").glob("*.py")
        for name in imported(path)
        if name.startswith(OPENED_BY_OPERATIONS)
    ]


@pytest.mark.parametrize("package", ["providers", "providers/aws"])
def test_a_family_costs_nothing_until_one_of_it_is_used(package: str) -> None:
    opening = ROOT / package / "__init__.py"
    assert not opening.exists() or not imported(opening)


def test_options_are_known_without_loading_the_adapter() -> None:
    assert not [
        f"{in_repository(path)}: {name}"
        for pattern in ("*/options.py", "*/declaration.py")
        for path in (ROOT / "providers").glob(pattern)
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith(("rotation.types.", "rotation.options"))
        and not name.startswith(f"providers.{path.parent.name}.declaration.")
    ]


def test_no_option_of_a_plugin_is_looked_for_by_its_name() -> None:
    """What the core reads is in the Protocols, and mypy knows it; `contract` only looks at classes."""
    looks = [
        (in_repository(path), node)
        for path in (ROOT / "rotation").rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"getattr", "hasattr", "vars"}
    ]
    about = ("rotation/config/", "rotation/permissions/naming", "rotation/permissions/compiler")
    assert not [
        f"{name}:{node.lineno}"
        for name, node in looks
        if (name.startswith(about) or "options" in ast.unparse(node))
        and name not in {"rotation/options.py", "rotation/config/contract.py"}
    ]


def entry_points() -> list[tuple[str, str]]:
    groups = PROJECT["project"]["entry-points"]
    return [
        (f"{group}:{name}", target)
        for group, named in groups.items()
        for name, target in named.items()
    ]


@pytest.mark.parametrize(("name", "target"), entry_points())
def test_every_entry_point_loads(name: str, target: str) -> None:
    module, _, attribute = target.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute)), name


def test_every_plugin_has_its_options() -> None:
    groups = PROJECT["project"]["entry-points"]
    plugins = {
        name
        for kind in ("issuers", "stores", "probes", "consumers", "connections")
        for name in groups[f"rotation.{kind}"]
    }
    assert plugins == groups["rotation.options"].keys()


def test_no_test_reaches_another_machine() -> None:
    with (
        socket.socket() as connecting,
        pytest.raises(AssertionError, match=re.escape("192.0.2.1")),
    ):
        connecting.connect(("192.0.2.1", 443))


def test_nothing_of_a_workplace_is_in_the_repository() -> None:
    found = []
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{in_repository(path)}: {hit}" for hit in NOT_FOR_THE_REPOSITORY.findall(text)]
    assert not found


def test_no_lock_names_the_host_that_served_it() -> None:
    assert not [path for path in tracked() if path.name in {"uv.lock", "poetry.lock"}]


@pytest.mark.parametrize(
    "name",
    [
        "journal.db",
        "journal.db-wal",
        "journal.db.alerts",
        "some/where/journal.sqlite3",
        "friday.plan.json",
        "emergency.spill.jsonl",
        "rotation.infra.json",
        "infra/rotation.infra.json",
        ".env",
        "uv.lock",
    ],
)
def test_what_a_runner_leaves_is_never_committed(name: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "--no-index", name], cwd=ROOT, check=False
    )
    assert ignored.returncode == 0


@pytest.mark.parametrize("lock", ["dev", "infra"])
def test_the_lock_holds_what_the_project_asks_for(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))
    project = PROJECT["project"]
    groups, extras = PROJECT["dependency-groups"], project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(line for name in extras if lock == "infra" or name != "infra" for line in extras[name]),
        *(line for name, group in groups.items() if name != "dist" for line in group),
        *PROJECT["build-system"]["requires"],
    ]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name == "rotation":
            continue
        assert name in pinned, f"make lock: {name} is missing"
        assert requirement.specifier.contains(pinned[name]), f"make lock: {name} is too old"


@pytest.mark.parametrize("extra", sorted(PROJECT["project"]["optional-dependencies"]))
def test_a_runner_installs_what_the_tests_ran_with(extra: str) -> None:
    if extra in {"demo", "infra"}:
        return  # no runner's
    locked = [
        set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", text, re.MULTILINE))
        for name in (f"runner-{extra}", "dev")
        for text in [(ROOT / "requirements" / f"{name}.txt").read_text()]
    ]
    assert locked[0]
    assert locked[0] <= locked[1]
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"][extra],
    ]
    names = {pinned.partition("==")[0] for pinned in locked[0]}
    assert {canonicalize_name(Requirement(line).name) for line in asked} <= names


@pytest.mark.parametrize("lock", [path.stem for path in (ROOT / "requirements").glob("*.txt")])
def test_every_locked_package_is_known_by_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    packages = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text


def test_the_secret_scan_sees_a_key_and_lets_an_example_pass(tmp_path: Path) -> None:
    findings = runpy.run_path(str(ROOT / ".ci" / "scan_secrets.py"))["findings"]
    text = tmp_path / "notes.txt"
    text.write_text("one\nkey: AKIA" + "Q7RSTUVWXYZ23456" + "\n")
    assert findings(text) == [f"{text}:2: AWS access key id"]
    text.write_text("key: AKIAIOSFODNN7EXAMPLE\n")
    assert findings(text) == []
