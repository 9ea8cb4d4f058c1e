"""Rules over every resource of a stack, whoever declared it."""
