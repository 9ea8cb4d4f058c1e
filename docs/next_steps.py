"""The next step that is printed with an error, read from the code that raises it."""  # noqa: INP001

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from rotation import errors

PRINTED = "depends on what was found, and is printed"
DEPTH_MAX = 4
"""Of names and calls that lead to a sentence."""


@dataclass(frozen=True)
class Product:
    """All modules together: which errors there are, and what functions return."""

    trees: tuple[ast.Module, ...]

    @cached_property
    def defaults(self) -> Mapping[str, str]:
        """Each class of errors with the step that its kind alone decides."""
        found = {
            name: kind.NEXT
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, errors.RotationError)
        }
        classes = [n for tree in self.trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
        for _ in range(DEPTH_MAX):
            for each in classes:
                base = next((name for name in map(name_of, each.bases) if name in found), None)
                if base is not None:
                    found.setdefault(each.name, found[base])
        return found

    def default(self, kind: str, module: "Module") -> str:
        """Of a class, or of what a function says that it returns."""
        functions = module.functions.get(kind) or self.functions.get(kind, [])
        returned = (name_of(f.returns) for f in functions if f.returns is not None)
        return next((self.defaults[n] for n in (kind, *returned) if n in self.defaults), "")

    @cached_property
    def functions(self) -> Mapping[str, list[ast.FunctionDef]]:
        return _by_name(n for tree in self.trees for n in ast.walk(tree))


@dataclass(frozen=True)
class Module:
    tree: ast.Module
    product: Product
    constants: Mapping[str, str]

    @cached_property
    def functions(self) -> Mapping[str, list[ast.FunctionDef]]:
        return _by_name(ast.walk(self.tree))

    @cached_property
    def _assignments(self) -> Mapping[str, list[tuple[ast.AST, ast.Assign]]]:
        """By name, from top to bottom, each with the statement that it stands in."""
        found: dict[str, list[tuple[ast.AST, ast.Assign]]] = {}
        for outer in ast.walk(self.tree):
            for node in ast.iter_child_nodes(outer):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    found.setdefault(node.targets[0].id, []).append((outer, node))
        return {name: sorted(each, key=lambda a: a[1].lineno) for name, each in found.items()}

    def _values(self, use: ast.Name) -> list[ast.expr]:
        """What the name may stand for: its last assignment on the way there, and later branches."""
        function = next((f for f in reversed(self._spans) if _encloses(f, use)), self.tree)
        found: list[ast.expr] = []
        for outer, node in self._assignments.get(use.id, []):
            if node.lineno < use.lineno and (function is self.tree or _encloses(function, node)):
                found = [node.value] if _encloses(outer, use) else [*found, node.value]
        return found

    @cached_property
    def _spans(self) -> list[ast.FunctionDef]:
        functions = [f for same in self.functions.values() for f in same]
        return sorted(functions, key=lambda f: f.lineno)

    def step(self, kind: str, given: ast.expr | None) -> str:
        """The error's own; where it has none, its kind's. Empty: nothing is printed."""
        if given is None or (isinstance(given, ast.Constant) and not given.value):
            return self.product.default(kind, self)
        return self.said(given) or PRINTED

    def said(self, node: ast.expr) -> str:
        """Every sentence that the expression may be; empty where that cannot be read."""
        return " *or* ".join(dict.fromkeys(self._said(node, DEPTH_MAX)))

    def _said(self, node: ast.expr, depth: int) -> Iterator[str]:
        match node:
            case ast.IfExp(body=one, orelse=other):
                yield from self._each([one, other], depth)
            case _ if text := text_of(node):
                yield text
            case ast.Name(id=name) if name in self.constants:
                yield self.constants[name]
            case ast.Name():
                yield from self._each(self._values(node), depth)
            case ast.BoolOp(values=values):
                yield from self._each(values, depth)
            case ast.Attribute(value=ast.Name(id=kind), attr="NEXT"):
                yield self.product.defaults[kind]
            case ast.Call(func=func):
                yield from self._each(self._returned(name_of(func)), depth)
            case _:
                pass

    def _each(self, nodes: Iterable[ast.expr], depth: int) -> Iterator[str]:
        for node in nodes if depth else ():
            yield from self._said(node, depth - 1)

    def _returned(self, name: str) -> Iterator[ast.expr]:
        for function in self.functions.get(name) or self.product.functions.get(name, []):
            returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
            yield from (n.value for n in sorted(returns, key=lambda n: n.lineno) if n.value)


def _by_name(nodes: Iterable[ast.AST]) -> Mapping[str, list[ast.FunctionDef]]:
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def _encloses(outer: ast.AST, inner: ast.AST) -> bool:
    first, last = getattr(outer, "lineno", 0), getattr(outer, "end_lineno", None)
    line: int = getattr(inner, "lineno", 0)
    return last is None or first <= line <= last


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def text_of(node: ast.expr) -> str:
    """A sentence with its variable parts named; empty where it is no sentence."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(text_of, parts))
        case ast.IfExp(body=one, orelse=other):
            return " or ".join(filter(None, (text_of(one), text_of(other))))
        case ast.FormattedValue(value=value):
            return f"{{{_last_name(value)}}}"
        case _:
            return ""


def _last_name(node: ast.expr) -> str:
    names = [n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(node)
             if isinstance(n, ast.Attribute | ast.Name)]  # fmt: skip
    return names[0].strip("_").removeprefix("format_").replace("_", " ") if names else "…"
