"""Small servers that behave as the vendors' documentation says; on loopback, for tests."""
