"""The recording that runs, as the panel shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The recording that runs, or the one that has just ended."""

    path: str
    """The session's folder."""
    began_s: float
    ended_s: float | None = None
    """None: it runs."""
    problem: str = ""
    """What it cannot take, in one sentence."""
    marks: int = 0


def place(path: str) -> str:
    """A session's folder as ``NAME in FOLDER``: a narrow screen cuts off what matters less."""
    folder, _, name = path.rpartition("/")
    return f"{name} in {folder}" if folder and name else path
