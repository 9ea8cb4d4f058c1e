"""The only code that calls providers: the runner, and an effect for each step."""
