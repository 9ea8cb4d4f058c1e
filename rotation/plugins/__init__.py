"""Plugins by name, and the adapters that they make."""
