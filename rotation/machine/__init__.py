"""The machine: pure, no clock, no I/O. Entries in (`replay`), the next action out (`decide`)."""
