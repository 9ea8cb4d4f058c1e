"""`make house`: how the code is built, counted. The figures are no tests; tests/test_house.py has the limits."""

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.report import Figure, table
from providers.aws.testing import spawn_strict_aws
from tests.e2e.installation import Installation

ROOT = Path(__file__).parents[1]
CORE = ("types.py", "interfaces.py", "errors.py", "plan", "machine", "execution")
"""What the reading order of CONTRIBUTING names."""

ENTERED = """
import json, sys
root, entered = sys.argv[1] + "/", set()
def look(frame, event, _):
    if event == "call" and frame.f_code.co_filename.startswith((root + "rotation/", root + "providers/")):
        if frame.f_code.co_name != "<module>":
            entered.add(frame.f_code.co_filename)
from rotation.cli import main
import threading
threading.setprofile(look); sys.setprofile(look)
try:
    sys.argv = ["rotation", *sys.argv[2:]]
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    sys.setprofile(None)
    sys.stderr.write(json.dumps(sorted(entered)) + "\\n")
"""


def main() -> None:
    Console(width=140).print(table(list(_measured())))


def _measured() -> Iterator[Figure]:
    modules = _modules()
    trees = {name: ast.parse(path.read_text()) for name, path in modules.items()}
    imports = {name: set(_imported(tree, modules)) for name, tree in trees.items()}
    rooms = [place.parent.name for place in (ROOT / "rotation").glob("*/__init__.py")]
    yield Figure("rooms of rotation/", len(rooms), limit=19, note=" ".join(sorted(rooms)))
    yield Figure("floors of rotation/", _floors(imports), limit=8, note="longest way down by room")
    yield Figure("circles of imports", len(_circles(imports)), limit=0, note="at run time")
    yield Figure("lines of the core", _core(), limit=4000, note=", ".join(CORE))
    name, longest = max(_functions(trees), key=lambda found: found[1])
    yield Figure("longest function", longest, "lines", 45, name)
    entered = _entered()
    yield Figure("files that `rotate --here` enters", len(entered), limit=45, note="by a call")


def _modules() -> dict[str, Path]:
    found = {}
    for top in ("rotation", "providers"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def _imported(tree: ast.Module, modules: Mapping[str, Path]) -> Iterator[str]:
    """What is imported when the module is: neither inside a function nor for types only."""
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        match pending.pop():
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    inner = f"{module}.{alias.name}"
                    yield inner if inner in modules else module
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
                pending += otherwise
            case ast.If(body=body, orelse=otherwise) | ast.Try(body=body, orelse=otherwise):
                pending += [*body, *otherwise]
            case ast.ClassDef(body=body):
                pending += body
            case _:
                pass


def _room(module: str, /) -> str:
    """A module of the top is a room of its own."""
    return ".".join(module.split(".")[:2])


def _floors(imports: Mapping[str, set[str]]) -> int:
    below: dict[str, set[str]] = {}
    for name, used in imports.items():
        if name.startswith("rotation."):
            others = {_room(one) for one in used if one.startswith("rotation.")}
            below.setdefault(_room(name), set()).update(others - {_room(name)})

    def depth(room: str, above: tuple[str, ...] = ()) -> int:
        lower = below.get(room, set()) - {*above, room}
        return 1 + max((depth(one, (*above, room)) for one in lower), default=0)

    return max(map(depth, below))


def _circles(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules that are reached from themselves."""

    def reached(name: str) -> set[str]:
        found: set[str] = set()
        pending = [*imports.get(name, ())]
        while pending:
            one = pending.pop()
            if one not in found and one in imports:
                found.add(one)
                pending += imports[one]
        return found

    return [name for name in imports if name in reached(name)]


def _core() -> int:
    paths = [ROOT / "rotation" / name for name in CORE]
    files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    return sum(len(file.read_text().splitlines()) for file in files)


def _functions(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, int]]:
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def _entered() -> list[str]:
    """Product files of which a function was called by one `rotation rotate app --wait --here`."""
    with tempfile.TemporaryDirectory() as directory, spawn_strict_aws() as aws:
        installation = Installation(Path(directory), aws, user="app", secret="house/app")
        installation.furnish()
        words = ["-c", str(installation.configuration), "rotate", "app", "--wait", "--here"]
        done = subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-c", ENTERED, str(ROOT), *words],
            capture_output=True, text=True, check=True, env=installation.environment(),
        )  # fmt: skip
        entered: list[str] = json.loads(done.stderr.splitlines()[-1])
        return entered


if __name__ == "__main__":
    main()
