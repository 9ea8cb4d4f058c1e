"""The values in a secret: its fields, texts composed of them, copies that would go stale."""
