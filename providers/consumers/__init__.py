"""Consumers for any secret: they read the store, get a file, or have a command run for them."""
