"""Small servers on loopback that behave as the vendors' documentation says; for tests."""
