"""The ``sleeptui`` command; ``python -m sleeptui`` does the same."""

import signal


def main() -> None:
    """Run it. ctrl+c while it is still being imported ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sleeptui import cli  # noqa: PLC0415 - what takes its time, after the line above

    cli.main()


if __name__ == "__main__":
    main()
