"""Rules over every resource of a stack, no matter which program declared it."""
