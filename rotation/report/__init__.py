"""What a person is told of a rotation, as values and words. Pure."""
