"""Strict AWS."""

from providers.aws.testing.control import OrderRefused, StrictControl, spawn_strict_aws
from providers.aws.testing.settings import ADMIN, Credential

__all__ = ["ADMIN", "Credential", "OrderRefused", "StrictControl", "spawn_strict_aws"]
