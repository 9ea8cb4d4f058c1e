"""Who may agree to a step, and that somebody did.

An approval is for one row of one rotation, in one round, as its plan is now; it ends by itself. It is
looked at again, with the configuration as it is then, just before the intent of that row is written.
"""
