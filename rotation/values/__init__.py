"""What stands in a secret: its fields, texts made of them, copies that would go stale."""
