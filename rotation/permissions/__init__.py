"""Which permissions a configuration needs, and no more: compiled from the families' own grants.

Knows no cloud: what a grant means, and how a policy is written, is its family's business.
"""

from rotation.permissions.compiler import (
    calls,
    compile,  # noqa: A004 -- the field's own word
    documents,
)

__all__ = ["calls", "compile", "documents"]
