"""Which permissions a configuration needs, and no more: compiled from the families' own grants.

It knows no cloud: each family defines what a grant means and how a policy is written.
"""

from rotation.permissions.compiler import (
    calls,
    compile,  # noqa: A004 -- the field's own word
    documents,
)

__all__ = ["calls", "compile", "documents"]
