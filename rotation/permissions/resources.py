"""What a stack makes of a configuration, in words that any tool for stacks knows: Terraform's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rotation.interfaces import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An input in a language of its own. holder: the permission set that it is for, or its kind;
    content: JSON as a mapping, every other language as its text. remark: what a person has to know
    of it."""

    name: str
    kind: str
    holder: str
    content: Any
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """What another resource turns out to have: `TYPE.NAME.ATTRIBUTE`."""

    type: str
    name: str
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """type: with `data.` before that of what is only looked up. kept: no run may destroy it. changed: inputs that others change afterwards. after: it needs
    those, though no input says so."""

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
    """What one connection needs. provider: how it is reached. to_come: texts inside of documents
    and inputs that stand for what only exists afterwards. bindings: what the runner reads of it.
    remarks: what a person has to know before it is made."""

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
    """A family whose connections a stack can be made for."""

    source: str
    version: str
    options: type[Any]
    """The stack's settings beside the configuration."""

    def mistakes(self, settings: Any, scopes: Sequence[Scope]) -> Iterator[str]:
        """Why no stack can be made with those settings."""
        ...

    def made(self, scope: Scope, settings: Any, states: Mapping[str, str]) -> Made:
        """states: of the secrets."""
        ...
