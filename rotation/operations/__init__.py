"""What anybody may ask of an installation. Operations return values or raise; they never print.

The command line and `serve` call them, and later workers, pages and approvals will.
"""
