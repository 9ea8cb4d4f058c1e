"""Every stable error code, found where it is raised."""  # noqa: INP001

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from code_tables import page_of, table
from next_steps import Module, Product, name_of, text_of

CODE = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")
# Raised by simulators and suites, never by the product.
TEST_ONLY = ("testing", "demo")
WAITS = ("NotYet", "wait_until")
# Caught where it is raised: a valid answer.
NEVER_PRINTED = ("Absent",)
# What a store returns as its `refusal` is raised by the effects as this.
REFUSAL = "NeedsPerson"
# A finding of the configuration is printed with its file and line; some suggest no more than that.
AT_ITS_LINE = "change the line that it names"


@dataclass(frozen=True, order=True)
class Raised:
    code: str
    kind: str
    message: str
    hint: str

    @property
    def area(self) -> str:
        return self.code.partition(".")[0]


@cache
def raised(root: Path) -> tuple[Raised, ...]:
    product = Product(tuple(_trees(root)))
    found = {
        each
        for tree in product.trees
        for each in _in_module(Module(tree, product, _sentences(tree)))
        if each.kind not in NEVER_PRINTED
    }
    return tuple(sorted(found))


def _trees(root: Path) -> Iterator[ast.Module]:
    for top in ("rotation", "providers"):
        for path in sorted((root / top).rglob("*.py")):
            if not set(TEST_ONLY) & set(path.relative_to(root).parts):
                yield ast.parse(path.read_text())


def _in_module(module: Module) -> Iterator[Raised]:
    """Calls and pairs in which a code is followed by a sentence."""
    returned = {id(n.value) for n in ast.walk(module.tree) if isinstance(n, ast.Return)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and name_of(node.func) == "Finding":
            yield from _in_finding(node.args, module)
        elif isinstance(node, ast.Call):
            hint = next((k.value for k in node.keywords if k.arg == "hint"), None)
            yield from _in_arguments(name_of(node.func), node.args, hint, module)
        elif isinstance(node, ast.Tuple):
            kind = REFUSAL if id(node) in returned and len(node.elts) == 2 else ""
            yield from _in_arguments(kind, node.elts, None, module)


def _sentences(tree: ast.Module) -> dict[str, str]:
    """What a module says in several places and therefore gave a name, or another one did."""
    shared = (
        (alias.name, getattr(import_module(node.module), alias.name))
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.name.isupper()
    )
    own = {
        target.id: text_of(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    shown = {name: text for name, text in shared if isinstance(text, str)} | own
    return {name: text for name, text in shown.items() if text}


def _in_arguments(
    kind: str, given: list[ast.expr], hint: ast.expr | None, module: Module
) -> Iterator[Raised]:
    for n, node in enumerate(given[:-1]):
        message = text_of(given[n + 1])
        if message and _is_code(node) and not CODE.fullmatch(message):
            step = hint or (given[n + 2] if len(given) > n + 2 else None)
            waits = kind in WAITS and not isinstance(step, ast.Constant)
            yield Raised(text_of(node), kind, message, "" if waits else module.step(kind, step))


def _in_finding(given: list[ast.expr], module: Module) -> Iterator[Raised]:
    """Of `doctor`: the subject, the sentence, how bad it is, the code, and the next step."""
    if len(given) > 3 and _is_code(given[3]):
        step = given[4] if len(given) > 4 else None
        message = module.said(given[1]) or "{…}"
        yield Raised(text_of(given[3]), "Finding", message, module.step("", step))


def _is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(CODE.fullmatch(text_of(node)))


def areas(root: Path) -> list[str]:
    return sorted({each.area for each in raised(root) if each.kind not in WAITS})


def table_of(found: list[Raised]) -> str:
    return table(
        ("code", "message", "next step"),
        ((_link(each.code), each.message, _next_step(each)) for each in found),
    )


def _next_step(each: Raised) -> str:
    return each.hint or (AT_ITS_LINE if each.area == "config" else "")


def _link(code: str) -> str:
    return f"[`{code}`](runbook/{page_of(code)})" if code.startswith("held.") else f"`{code}`"


def errors(root: Path, _: str = "") -> str:
    """Each area with its codes."""
    parts = []
    for area in areas(root):
        found = [each for each in raised(root) if each.area == area and each.kind not in WAITS]
        parts.append(f"### {area}\n\n{table_of(_distinct(found))}")
    return "\n\n".join(parts)


def waits(root: Path) -> str:
    found = [each for each in raised(root) if each.kind in WAITS]
    rows = ((f"`{each.code}`", each.message) for each in _distinct(found))
    return table(("code", "what it waits for"), rows)


def _distinct(found: list[Raised]) -> list[Raised]:
    """A code may be raised as errors of several kinds with the same words."""
    seen: dict[tuple[str, str, str], Raised] = {}
    for each in found:
        seen.setdefault((each.code, each.message, each.hint), each)
    return list(seen.values())
