"""What a stack makes of a configuration, in Terraform's words, which any tool for stacks knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rotation.interfaces import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An input in a language of its own. holder: the permission set that it is for, or its kind;
    content: JSON as a mapping, every other language as its text. remark: what an operator should
    know about it."""

    name: str
    kind: str
    holder: str
    content: Any
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """An attribute of another resource, known once that is made: `TYPE.NAME.ATTRIBUTE`."""

    type: str
    name: str
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """type: prefixed with `data.` for what is only looked up. kept: no run may destroy it. changed:
    inputs that others change afterwards. after: resources that it needs although no input names
    them."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    kept: bool = False
    changed: tuple[str, ...] = ()
    after: tuple[tuple[str, str], ...] = ()

    def ref(self, attribute: str) -> Ref:
        return Ref(self.type, self.name, attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one connection needs. provider: how it is reached. to_come: texts in documents and
    inputs that stand for values that exist only afterwards. bindings: what the runner reads of it.
    remarks: what an operator should know before it is made."""

    scope: Scope
    resources: Sequence[Resource]
    provider: Mapping[str, Any]
    bindings: Mapping[str, Any]
    to_come: Mapping[str, Ref] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def documents(self) -> Iterator[Document]:
        for resource in self.resources:
            for value in resource.inputs.values():
                if isinstance(value, Document):
                    yield value


class Stacked(Protocol):
    """A family for whose connections a stack can be made."""

    source: str
    version: str
    # The stack's settings beside the configuration.
    options: type[Any]

    def mistakes(self, settings: Any, scopes: Sequence[Scope]) -> Iterator[str]:
        """Why no stack can be made with those settings."""
        ...

    def made(self, scope: Scope, settings: Any, states: Mapping[str, str]) -> Made:
        """states: of the secrets."""
        ...
