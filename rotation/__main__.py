"""`python -I -m rotation`: the same program. Isolated, Python runs nothing that the environment names
(PYTHONPATH, a user's own packages, the current directory) before it."""

from rotation.cli import main

if __name__ == "__main__":
    main()
