"""A real Vault, for tests, benchmarks and the demo: it is found, started, and ends with whoever
started it."""
