"""When nobody types anything: what is due, how many at once, and what stops it."""
