"""Strict AWS, once for all; an installation of its own for each test."""

from tests.e2e.installation import aws, installation

__all__ = ["aws", "installation"]
