"""What anybody may ask of an installation: returned as values or raised, never printed.

The command line, `serve` and whatever comes next (workers, pages, approvals) are doors to it.
"""
