"""Consumers of any secret: they read the store, are given a file, or a command is run for them."""
