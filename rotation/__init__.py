"""rotation: replaces machine credentials without an outage and without a stray key."""

__version__ = "0.1.0"
