"""A rotation in words for an operator, as values. Pure."""
