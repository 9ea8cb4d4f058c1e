"""Every stable error code, found where it is raised."""  # noqa: INP001

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from code_tables import page_of, table

from rotation import errors as errors_of
from rotation.errors import Permanent

CODE = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")
# Raised by simulators and suites, never by the product.
TEST_ONLY = ("testing", "demo")
WAITS = ("NotYet", "wait_until")


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
    found = set()
    for top in ("rotation", "providers"):
        for path in sorted((root / top).rglob("*.py")):
            if not set(TEST_ONLY) & set(path.relative_to(root).parts):
                found |= set(_in_module(ast.parse(path.read_text())))
    return tuple(sorted(found))


def _in_module(tree: ast.Module) -> Iterator[Raised]:
    """Calls and pairs in which a code is followed by a sentence."""
    named = _sentences(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            hint = next((k.value for k in node.keywords if k.arg == "hint"), None)
            yield from _in_arguments(_name(node.func), node.args, hint, named)
        elif isinstance(node, ast.Tuple):
            yield from _in_arguments("", node.elts, None, named)


def _sentences(tree: ast.Module) -> dict[str, str]:
    """What a module says in several places and therefore gave a name, or another one did."""
    shared = (
        (alias.name, getattr(import_module(node.module), alias.name))
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.name.isupper()
    )
    return {name: text for name, text in shared if isinstance(text, str)} | {
        target.id: _text(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _in_arguments(
    kind: str, given: list[ast.expr], hint: ast.expr | None, named: dict[str, str]
) -> Iterator[Raised]:
    for n, node in enumerate(given[:-1]):
        code, message = _text(node), _text(given[n + 1])
        if message and isinstance(node, ast.Constant) and CODE.fullmatch(code):
            step = hint or (given[n + 2] if len(given) > n + 2 else None)
            yield Raised(code, kind, message, _next_step(kind, step, named))


def _next_step(kind: str, step: ast.expr | None, named: dict[str, str]) -> str:
    """The error's own, or its kind's. One that is put together is in the message alone."""
    text = "" if step is None else _text(step)
    if isinstance(step, ast.Name):
        text = named.get(step.id, "")
    if text or kind in WAITS:
        return text
    if step is not None and not isinstance(step, ast.Constant):
        return "as it says"
    return str(getattr(getattr(errors_of, kind, Permanent), "NEXT", ""))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    """A sentence with its variable parts named; empty where it is no sentence."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_text, parts))
        case ast.IfExp(body=one, orelse=other):
            return " or ".join(filter(None, (_text(one), _text(other))))
        case ast.FormattedValue(value=value):
            return f"{{{_last_name(value)}}}"
        case _:
            return ""


def _last_name(node: ast.expr) -> str:
    names = [n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(node)
             if isinstance(n, ast.Attribute | ast.Name)]  # fmt: skip
    return names[0].lstrip("_").removeprefix("format_").replace("_", " ") if names else "…"


def areas(root: Path) -> list[str]:
    return sorted({each.area for each in raised(root) if each.kind not in WAITS})


def table_of(found: list[Raised]) -> str:
    return table(
        ("code", "message", "next step"),
        ((_link(each.code), each.message, each.hint) for each in found),
    )


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
