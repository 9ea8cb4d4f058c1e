"""A real Vault for tests, benchmarks and the demo. It ends with the process that started it."""
