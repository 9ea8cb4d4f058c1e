"""What proves a journal to somebody who does not trust the host that it lies on: signed checkpoints of
the ends of all streams, kept where that host cannot rewrite them."""
