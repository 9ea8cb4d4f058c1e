"""Plugins of another distribution: nothing in the tree knows them."""
