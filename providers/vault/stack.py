"""What a stack of one connection is told beside the configuration."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """Unset is safe."""

    runner_cidrs: tuple[str, ...] = field(
        default=(), metadata={"doc": "networks that the runner logs in from"}
    )
    audit_file: str = field(
        default="stdout", metadata={"doc": "file of the audit device; empty for none"}
    )
    adopt: tuple[str, ...] = field(
        default=(), metadata={"doc": "ids of AppRoles' secrets and paths of mounts that exist"}
    )
