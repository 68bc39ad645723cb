"""Lets ``python -m sleeptui`` do what the ``sleeptui`` command does."""

from sleeptui.cli import main

if __name__ == "__main__":
    main()
