"""The program's own log: a rotating file, readable by its owner alone."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST = 2 << 20
KEPT = 3


class _PrivateHandler(RotatingFileHandler):
    """Creates its files with mode 0600: they hold server names and errors."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")


def log_path() -> Path:
    """Where the log is written: the platform's folder for logs of an application."""
    from platformdirs import user_log_path  # noqa: PLC0415 - after the first frame

    return user_log_path("sleeptui", appauthor=False) / "sleeptui.log"


def set_up(*, verbose: bool = False) -> Path | None:
    """Start logging. Returns the file, None where it cannot be written: then nothing is logged."""
    path = log_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateHandler(path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8")
    except OSError:
        logging.getLogger("sleeptui").addHandler(logging.NullHandler())
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("sleeptui")
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.addHandler(handler)
    root.propagate = False
    return path


def end() -> None:
    """Close the file; ``set_up`` opens it again."""
    root = logging.getLogger("sleeptui")
    for handler in tuple(root.handlers):
        if isinstance(handler, _PrivateHandler):
            root.removeHandler(handler)
            handler.close()
