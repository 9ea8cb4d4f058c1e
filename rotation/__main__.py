"""`python -I -m rotation`: the same program. Isolated, Python runs no code from places that the
environment names (PYTHONPATH, a user's own packages, the current directory)."""

from rotation.cli import main

if __name__ == "__main__":
    main()
