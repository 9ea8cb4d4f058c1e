"""What a configuration may say about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from rotation.options import ConnectionOptions, Connections, ConsumerOptions, IssuerOptions
from rotation.types import PermissionSet, Traits


@dataclass(frozen=True, kw_only=True)
class SmtpOptions(IssuerOptions):
    """Logins at a mail relay, each made of an access key of an IAM user."""

    CONNECTIONS: ClassVar = ("aws",)
    FIELDS: ClassVar = ("username", "password")
    PUBLIC: ClassVar = frozenset({"username"})
    TRAITS: ClassVar = Traits(
        origin="assigned", can_suspend=True, reports_usage=False, live_max=2, failed_logins_safe=100
    )

    connection: str = field(metadata={"doc": "name of an AWS connection"})
    user: str = field(metadata={"doc": "name of the IAM user"})
    path: str = field(default="/", metadata={"doc": "path of the IAM user"})
    unverified: Literal["no-relay"] | None = field(
        default=None, metadata={"doc": "`no-relay`: none can be reached from here"}
    )

    def identity(self, connections: Connections) -> str:
        return f"acme-smtp/{connections[self.connection].account}/{self.user}"

    def turns(self, connections: Connections) -> tuple[str, ...]:
        """The same keys that an entry with the built-in issuer would rotate."""
        return (f"aws-iam/{connections[self.connection].account}/{self.user}",)

    def grants(self) -> Mapping[PermissionSet, Sequence[Any]]:
        from acme_rotation.permissions import SMTP  # noqa: PLC0415 -- only for policies

        return SMTP


@dataclass(frozen=True, kw_only=True)
class QueueOptions(ConsumerOptions):
    """A program that is told by a message that the secret changed."""

    CONNECTIONS: ClassVar = ("aws",)
    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = False

    connection: str = field(metadata={"doc": "name of an AWS connection"})
    queue: str = field(metadata={"doc": "ARN of the queue"})

    def grants(self) -> Mapping[PermissionSet, Sequence[Any]]:
        from acme_rotation.permissions import Grant  # noqa: PLC0415 -- only for policies

        return {PermissionSet.DELIVER: (Grant(action="sqs:SendMessage", resource=self.queue),)}


@dataclass(frozen=True, kw_only=True)
class ScriptOptions(ConsumerOptions):
    """A script of this host, and the file that it is given."""

    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = True

    script: str = field(metadata={"doc": "name of a file in `commands`"})
    target: str = field(metadata={"doc": "the file"})

    def files(self) -> Mapping[str, str]:
        return {"target": self.target}

    def commands(self) -> Mapping[str, Sequence[str]]:
        return {"script": (self.script,)}


@dataclass(frozen=True, kw_only=True)
class ClusterConnection(ConnectionOptions):
    """A cluster. This one keeps its objects in a directory."""

    LOGIN: ClassVar = frozenset({"owner"})

    directory: str = field(metadata={"doc": "where its objects are"})
    owner: str | None = field(default=None, metadata={"doc": "who answers for this login"})


@dataclass(frozen=True, kw_only=True)
class ClusterOptions(ConsumerOptions):
    """A program whose secret is an object of the cluster."""

    CONNECTIONS: ClassVar = ("acme-cluster",)
    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = True

    connection: str = field(metadata={"doc": "name of a cluster"})
    path: str = field(metadata={"doc": "of the object: NAMESPACE/NAME"})
    argv: str = field(default="", metadata={"doc": "what the program is called with; not by us"})

    def grants(self) -> Mapping[PermissionSet, Sequence[Any]]:
        from acme_rotation.permissions import Rule  # noqa: PLC0415 -- only for policies

        return {PermissionSet.DELIVER: (Rule(verb="patch", path=self.path),)}
