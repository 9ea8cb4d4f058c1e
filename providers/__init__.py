"""Adapters to the outside world: one package per family. No family imports another one.

Importing this package loads nothing: entry points load each adapter when it is named.
"""
