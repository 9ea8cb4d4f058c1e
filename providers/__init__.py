"""Adapters to the outside world, one family per package, strangers to each other.

Importing this package loads nothing: entry points load each adapter when it is named.
"""
