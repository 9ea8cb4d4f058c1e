"""Which permissions a configuration needs, and no more: compiled from the families' own grants.

Knows no cloud: what a grant means, and how a policy is written, is its family's business.
"""

from rotation.policy.compiler import compile, documents  # noqa: A004 -- the field's own word

__all__ = ["compile", "documents"]
