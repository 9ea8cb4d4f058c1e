"""What the schedule starts without an operator: which secrets are due, how many at once, and what
stops it."""
